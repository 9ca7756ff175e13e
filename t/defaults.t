# ai_api_default_limits: limits of those for whom the administrator has set
# none; and how many keys a user may have.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $small $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;

# 15 tokens: 0.000045
$small = { ndjson => { pieces => 5, prompt => 10, obey => 1 } };


sub limited {
    my (%limits) = @_;

    return create_key(name => "x", user => "user" . ++$users, %limits);
}


sub ask {
    my ($k) = @_;

    return chat(question("chat", 40), key => $k->{key});
}


sub admin_limits {
    my ($k, $limits) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = api("PATCH", "/api/ai-api/admin/keys/$k->{id}", $limits, admin_jwt());

    is($r->{status}, 200, "PATCH " . json($limits)) or diag($r->{body});
}


# So many requests, and the next one is refused.

sub runs_out {
    my ($count, $name, $k) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @status = map { ask($k)->{status} } 0 .. $count;

    is_deeply(\@status, [(200) x $count, 429], "$name: $count requests");
}


sub remaining {
    my ($k) = @_;

    return request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $k->{key})
        ->{json}{remaining};
}


run_tests();

__DATA__

=== TEST 1: each limit of a key
--- http_config
    ai_api_default_limits key requests=3;
--- upstream
$small
--- steps
runs_out(3, "requests", limited());
runs_out(2, "the owner may set less", limited(requestLimit => 2));
runs_out(3, "but not more", limited(requestLimit => 9));

my $k = limited();

runs_out(3, "an administrator", $k);
admin_limits($k, { requestLimit => 5 });
runs_out(2, "may set more", $k);
admin_limits($k, { requestLimit => undef });
is(ask($k)->{status}, 429, "the default is there again");

# other limits of the administrator's do not touch it
$k = limited();
admin_limits($k, { usageLimit => 1000000 });
runs_out(3, "another limit of his", $k);

# the owner's binds below the administrator's
$k = limited(requestLimit => 4);
admin_limits($k, { requestLimit => 5 });
runs_out(4, "the smaller of owner and administrator", $k);

is_deeply(remaining(limited()), { tokens => undef, requests => 3, cost => undef },
          "what remains");



=== TEST 2: a key: life, day, month, in tokens, requests and money
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- http_config
    ai_api_default_limits key tokens=30 cost=0.9 month_requests=7 day_cost=0.5;
--- upstream
$small
--- steps
away_from_end_of("day");

# tokens of a life are the first to end
runs_out(2, "tokens", limited());
is_deeply(remaining(limited()), { tokens => 30, requests => 7, cost => "0.5" },
          "what remains");

my $k = limited();

admin_limits($k, { usageLimit => 1000000 });
runs_out(7, "requests of a month", $k);

my $r = ask($k);

ok(defined $r->{headers}{"retry-after"}, "time helps");

$k = limited();
admin_limits($k, { usageLimit => 1000000, limits => { month => { requests => 1000 },
                                                      day => { cost => "0.00009" } } });
runs_out(2, "money of a day", $k);



=== TEST 3: the other names of a key's limits
--- http_config
    ai_api_default_limits key tokens=1000 requests=100 cost=1 day_tokens=900
        day_requests=90 day_cost=0.9 month_tokens=30 month_requests=95 month_cost=0.95
        minute_requests=80 minute_tokens=100000 parallel=2;
--- upstream
$small
--- steps
away_from_end_of("day");
runs_out(2, "tokens of a month", limited());

my $k = limited();

admin_limits($k, { limits => { month => { tokens => 1000000 } } });
upstream({ %$small, gate => "g" });

# JSON holds all that is left of the tokens: these are streams
my @crowd = crowd(5, sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) });
my @refused = decided("g", @crowd);

is(scalar @refused, 3, "two at the same time");
is($refused[0]{headers}{"retry-after"}, 1, "parallel");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 2, "two answers");



=== TEST 4: a minute
--- http_config
    ai_api_default_limits key minute_requests=2;
    ai_api_default_limits user minute_requests=3;
--- upstream
$small
--- steps
my $user = "minute";
my $k = create_key(name => "x", user => $user);

runs_out(2, "the key's", $k);
runs_out(1, "the user's", create_key(name => "y", user => $user));
is(ask(create_key(name => "z", user => $user))->{status}, 429, "a new key changes nothing");
is(ask(limited())->{status}, 200, "another user");



=== TEST 5: a user: his keys together
--- http_config
    ai_api_default_limits user requests=4;
--- upstream
$small
--- steps
my @keys = map { create_key(name => "x", user => "dora") } 1 .. 3;

is(ask($_)->{status}, 200, "one each") for @keys;
runs_out(1, "the fourth", $keys[0]);
is(ask($_)->{status}, 429, "and none of another key") for @keys;
is(ask(create_key(name => "x", user => "dora"))->{status}, 429, "nor of a new one");
is(api("DELETE", "/api/ai-api/keys/$_->{id}", undef, jwt("dora"))->{status}, 200,
   "who deletes his keys") for @keys;
is(ask(create_key(name => "x", user => "dora"))->{status}, 429, "has no more either");
runs_out(4, "another user", limited());

# what an administrator sets stands instead of it
my $k = limited();
set_user("user$users", { requestLimit => 6 });
runs_out(6, "more", $k);
$k = limited();
set_user("user$users", { requestLimit => 1 });
runs_out(1, "less", $k);
set_user("user$users", { requestLimit => undef });
runs_out(3, "the default again", $k);



=== TEST 6: key and user: the smaller
--- http_config
    ai_api_default_limits key requests=3 tokens=1000;
    ai_api_default_limits user requests=5 tokens=60;
--- upstream
$small
--- steps
my @keys = map { create_key(name => "x", user => "dora") } 1 .. 2;

# 15 tokens each: 60 are four requests
runs_out(3, "the key's requests", $keys[0]);
runs_out(1, "the user's tokens", $keys[1]);
is_deeply([sent_count(), user_object("dora")->{usageCount}], [4, 60], "60 tokens");



=== TEST 7: parallel of key and user
--- http_config
    ai_api_default_limits key parallel=2;
    ai_api_default_limits user parallel=5;
--- steps
my @keys = map { create_key(name => "x", user => "dora") } 1 .. 4;
my @other = map { create_key(name => "x", user => "emil") } 1 .. 2;

for my $row ([5, @keys], [4, @other]) {
    my ($most, @of) = @$row;

    upstream({ %$small, gate => "g" });

    my @crowd = crowd(100, sub { ("chat", question("chat", 40, stream => $yes),
                                  $of[$_[0] % @of]{key}) });

    is(scalar(decided("g", @crowd)), 100 - $most, "$most run");
    ollama()->open("g");
    is(scalar(ok_answers(@crowd)), $most, "$most answers");
}

idle();



=== TEST 8: a reload with other defaults
--- http_config
    ai_api_default_limits key requests=2;
--- upstream
$small
--- steps
my $k = limited();

runs_out(2, "two", $k);

my $conf = "$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf";
open my $in, "<", $conf or die "$conf: $!\n";
my $text = join "", <$in>;
close $in;

$text =~ s/key requests=2;/key requests=4;/ or die "no defaults in $conf\n";
open my $out, ">", $conf or die "$conf: $!\n";
print $out $text;
close $out;
reload_nginx(2);

runs_out(2, "two more", $k);



=== TEST 9: 200 at once of a user with defaults, and more keys than he has
--- http_config
    ai_api_max_keys_per_user 10;
    ai_api_default_limits user requests=10;
--- upstream
$small
--- steps
my @keys = map { create_key(name => "x", user => "dora") } 1 .. 10;
my $r = api("POST", "/api/ai-api/keys", { name => "x" }, jwt("dora"));

refused($r, 409, "CONFLICT", "the eleventh key", qr/./);

my @crowd = crowd(200, sub { ("chat", question("chat", 40, stream => $yes),
                              $keys[$_[0] % @keys]{key}) });

is(scalar(ok_answers(@crowd)), 10, "ten requests of ten keys");
is((grep { $_->{status} == 429 } answers(@crowd)), 190, "the others are refused");

# a key that is gone makes room for one, not for requests
is(api("DELETE", "/api/ai-api/keys/$keys[0]{id}", undef, jwt("dora"))->{status}, 200, "DELETE");
is(ask(create_key(name => "x", user => "dora"))->{status}, 429, "a new key");
refused(api("POST", "/api/ai-api/keys", { name => "x" }, jwt("dora")), 409, "CONFLICT",
        "the eleventh again", qr/./);
refused(api("PATCH", "/api/ai-api/keys/$keys[1]{id}", { nonsense => 1 }, jwt("dora")), 400,
        "INVALID_REQUEST", "nothing else", qr/nonsense/);
is(api("POST", "/api/ai-api/keys", { name => "x" }, jwt("emil"))->{status}, 201,
   "another user has his own ten");



=== TEST 10: keys made at the same time: ten, and not one more
--- http_config
    ai_api_max_keys_per_user 10;
--- steps
my @open = map { client() } 1 .. 60;

$_->send_request("POST", "/api/ai-api/keys", '{"name":"x"}',
                 Authorization => "Bearer " . jwt("dora")) for @open;

my %seen;

$seen{$_->{status}}++ for answers(@open);
is_deeply(\%seen, { 201 => 10, 409 => 50 }, "made and refused");
is(scalar @{ api("GET", "/api/ai-api/keys", undef, jwt("dora"))->{json}{keys} }, 10, "ten");
