# Limits of a key over its life: tokens, requests, money.  With "post" a
# request is admitted while something is left.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question @ollama);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);

# 39 tokens, 0.000117
@ollama = ({ path => "/api/chat", contains => '"stream":true',
             play => "0.24.0/chat-stream" },
           { path => "/api/chat", play => "0.24.0/chat-json" },
           { path => "/api/tags", play => "0.24.0/tags" });


sub ask {
    my ($key, %more) = @_;

    return chat({ %question, %more }, key => $key->{key});
}


sub change {
    my ($key, $changes) = @_;

    is(api("PATCH", "/api/ai-api/keys/$key->{id}", $changes, jwt("alice"))->{status},
       200, "PATCH " . json($changes));
}


run_tests();

__DATA__

=== TEST 1: usageLimit
--- http_config
    ai_api_quota post;
--- upstream
@ollama
--- steps
my $k = create_key(name => "x", usageLimit => 78);

is(ask($k)->{status}, 200, "39 of 78");
is(ask($k, stream => JSON::PP::true)->{status}, 200, "78 of 78");

my $lsn = last_lsn();
my $sent = sent_count();
my $r = ask($k);

refused($r, 429, "RATE_LIMIT_EXCEEDED", "nothing is left");
is($r->{headers}{"retry-after"}, undef, "time does not help");
refused(ask($k, stream => JSON::PP::true), 429, "RATE_LIMIT_EXCEEDED", "a stream");
refused(chat({ %question }, key => $k->{key}, "Accept-Language" => "en"), 429,
        "RATE_LIMIT_EXCEEDED", "in English", qr/^[ -~]+$/);
no_record($lsn, "no record");
is(sent_count(), $sent, "Ollama hears of none");
is(key_object($k->{id})->{usageCount}, 78, "the count stays");

is(request("GET", "/api/ai-service/$_", undef, "X-API-Key" => $k->{key})->{status}, 200,
   "GET $_ goes on") for qw(usage models);

change($k, { usageLimit => 79 });
is(ask($k)->{status}, 200, "one token is left: the last request may go over it");
is(key_object($k->{id})->{usageCount}, 117, "the count");
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "the next one may not");

change($k, { usageLimit => undef });
is(ask($k)->{status}, 200, "no limit");
change($k, { usageLimit => 10 });
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "a limit below what was used");



=== TEST 2: requestLimit
--- upstream
@ollama
--- steps
my $k = create_key(name => "x", requestLimit => 3);

is(ask($k)->{status}, 200, "$_ of 3") for 1 .. 3;
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "4 of 3");
is(key_object($k->{id})->{requestCount}, 3, "the count");



=== TEST 3: costLimit
--- http_config
    ai_api_quota post;
--- upstream
@ollama
--- steps
my $k = create_key(name => "x", costLimit => "0.000234");

is(ask($k)->{status}, 200, "$_ of 2") for 1 .. 2;
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "the money is spent");
is(key_object($k->{id})->{cost}, "0.000234", "the cost");
change($k, { costLimit => "0.000234001" });
is(ask($k)->{status}, 200, "a nano-unit is left");
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "not any more");



=== TEST 4: limits of zero
--- upstream
@ollama
--- steps
for my $limit ([usageLimit => 0], [requestLimit => 0], [costLimit => "0"]) {
    my $k = create_key(name => "x", @$limit);

    refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "@$limit");
}

is(scalar sent_upstream(), undef, "Ollama hears of none");



=== TEST 5: a limit of one key is no limit of another
--- upstream
@ollama
--- steps
my $one = create_key(name => "one", requestLimit => 1);
my $two = create_key(name => "two", requestLimit => 1);

is(ask($one)->{status}, 200, "one");
refused(ask($one), 429, "RATE_LIMIT_EXCEEDED", "one again");
is(ask($two)->{status}, 200, "two");



=== TEST 6: RateLimit headers
--- upstream
@ollama
--- steps
my $free = create_key(name => "free");
my $r = ask($free);

is_deeply([grep { /^ratelimit/ } keys %{ $r->{headers} }], [], "none without a limit");

my $k = create_key(name => "x", requestLimit => 4);
my @left;

for (1 .. 4) {
    $r = ask($k);
    is($r->{headers}{"ratelimit-limit"}, 4, "RateLimit-Limit");
    like($r->{headers}{"ratelimit-remaining"}, qr/^\d+$/, "RateLimit-Remaining");
    push @left, $r->{headers}{"ratelimit-remaining"};
}

is_deeply(\@left, [3, 2, 1, 0], "what is left after each");

$r = ask($k);
is("$r->{status} $r->{headers}{'ratelimit-limit'} $r->{headers}{'ratelimit-remaining'}",
   "429 4 0", "of a refusal");

# the limit with the smallest share left
$k = create_key(name => "y", requestLimit => 100, usageLimit => 78);
is(ask($k)->{status}, 200, "39 of 78, 1 of 100");
$r = ask($k);
is($r->{headers}{"ratelimit-limit"}, 78, "tokens are nearer to their end");



=== TEST 7: what remains
--- upstream
@ollama
--- steps
my $k = create_key(name => "x", usageLimit => 50, requestLimit => 9, costLimit => "1");
my $remaining = sub {
    return request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $k->{key})
        ->{json}{remaining};
};

is_deeply($remaining->(), { tokens => 50, requests => 9, cost => "1" }, "all");
ask($k);
is_deeply($remaining->(), { tokens => 11, requests => 8, cost => "0.999883" }, "less");
ask($k);
is_deeply($remaining->(), { tokens => 0, requests => 7, cost => "0.999766" },
          "never less than nothing");



=== TEST 8: at once, in all workers
--- upstream
@ollama
--- steps
my $k = create_key(name => "x", requestLimit => 20);
my @open = map { client() } 1 .. 30;
my %seen;

# one after the other, on connections that all workers have
for my $c (@open) {
    $c->send_request("POST", "/api/ai-service/chat", json(\%question),
                     "X-API-Key" => $k->{key});
    $seen{$c->read_answer->{status}}++;
}

is_deeply(\%seen, { 200 => 20, 429 => 10 }, "twenty, and not one more");



=== TEST 9: what costs nothing still counts as a request
--- http_config
    ai_api_quota post;
--- upstream
{ path => "/api/chat", raw => http_answer(404, '{"error":"model not found"}') }
--- steps
my $k = create_key(name => "x", requestLimit => 2, usageLimit => 1);

is(ask($k)->{status}, 404, "$_ of 2") for 1, 2;
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "3 of 2");



=== TEST 10: who lets a body wait has what is left when it has come
--- upstream
@ollama
--- steps
my $body = json(\%question);
my $late = sub {
    my ($k, $meanwhile) = @_;
    my @open = map { client() } 1 .. 4;

    $_->send_request("POST", "/api/ai-service/chat", substr($body, 0, 9),
                     "X-API-Key" => $k->{key}, Expect => "100-continue",
                     "Content-Length" => length $body) for @open;

    # "100 Continue": the key was looked at
    $_->fill for @open;
    $meanwhile->();

    return map {
        $_->write(substr $body, 9);
        $_->read_answer->{status};
    } @open;
};

my $k = create_key(name => "x", requestLimit => 1);
is_deeply([$late->($k, sub { })], [200, 429, 429, 429], "one of four");

$k = create_key(name => "y");
is_deeply([$late->($k, sub { change($k, { isActive => JSON::PP::false }) })],
          [(401) x 4], "disabled in between");

$k = create_key(name => "z");
is_deeply([$late->($k, sub { change($k, { allowedIps => ["192.0.2.1"] }) })],
          [(403) x 4], "another address in between");

$k = create_key(name => "w");
is_deeply([$late->($k, sub { change($k, { name => "v" }) })], [(200) x 4],
          "nothing that matters");



=== TEST 11: what nginx's own limits refuse has the shape of the API
--- http_config
    limit_req_zone $ai_api_key_id zone=rate:1m rate=1r/m;
--- config
    error_page 405 429 /refused;

    location = /refused {
        internal;
        ai_api_error;
    }

    location /api/ai-service/ {
        ai_api_pass http://ollama;
        limit_req zone=rate;
        limit_req_status 429;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
my $k = create_key(name => "x");

is(ask($k)->{status}, 200, "the first one in a minute");
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "the second one");

# a key's own limit, and what goes with it
$k = create_key(name => "y", requestLimit => 0);
my $r = ask($k);
refused($r, 429, "RATE_LIMIT_EXCEEDED", "the key's limit");
is($r->{headers}{"ratelimit-limit"}, 0, "RateLimit-Limit");

$r = request("PUT", "/api/ai-api/keys", undef, Authorization => "Bearer " . jwt("alice"));
refused($r, 405, "METHOD_NOT_ALLOWED", "a method");
is($r->{headers}{allow}, "GET, HEAD, POST", "Allow");

open my $in, "<", "nginx.conf.example" or die "$!\n";
my ($page) = join("", <$in>) =~ /^\s*error_page\s+([\d ]+)/m;
like($page, qr/\b$_\b/, "$_ in nginx.conf.example") for 405, 429;
--- error_log
limiting requests
