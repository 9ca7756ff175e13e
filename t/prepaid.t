# Prepaid users: a balance that credits raise and charges lower; nothing goes
# on when it is used up, whatever key is used.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $greedy $small $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;

# a prompt of 200 tokens and the whole cap: 300 tokens, 0.0009
$greedy = { ndjson => { pieces => 1000, prompt => 200, text => "x", obey => 1 } };

# 15 tokens: 0.000045
$small = { ndjson => { pieces => 5, prompt => 10, obey => 1 } };

workers(4);
worker_connections(1024);

add_block_preprocessor(sub {
    my ($block) = @_;

    return if defined $block->estimate;

    my $http = defined $block->http_config ? $block->http_config : "";

    $block->set_value("http_config", $http . <<'EOC');
    ai_api_quota strict;
    ai_api_context_length 200;
    ai_api_max_output_tokens 100;
EOC
});


# A user with so many keys.

sub user_with {
    my ($count) = @_;

    my $user = "user" . ++$users;

    return ($user, map { create_key(name => "x", user => $user) } 1 .. $count);
}


sub ask {
    my ($k, $bytes) = @_;

    return chat(question("chat", $bytes || 40), key => $k->{key});
}


sub balance_is {
    my ($user, $balance, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $u = user_object($user);

    is_deeply([@$u{qw(prepaid balance)}], [$yes, $balance], $name);
}


run_tests();

__DATA__

=== TEST 1: a balance goes up and down
--- upstream
$small
--- steps
my ($user, $k, $second) = user_with(2);

is(user_object($user)->{prepaid}, $no, "nobody has paid yet");
is(ask($k)->{status}, 200, "nor has to");

# what was before the first credit is not taken from it
my $u = credit($user, "0.0018");

is_deeply([@$u{qw(prepaid balance)}], [$yes, "0.0018"], "the first credit");

my $r = ask($k);

is($r->{status}, 200, "0.000045 of 0.0018");
is(limit_headers($r), "", "money has no RateLimit");
balance_is($user, "0.001755", "a charge lowers it");
is(ask($second)->{status}, 200, "another key of his");
balance_is($user, "0.00171", "it is the user's");
credit($user, "10");
balance_is($user, "10.00171", "a credit raises it");
credit($user, "-10");
balance_is($user, "0.00171", "so does a correction, downwards");

my $lsn = last_lsn();

credit($user, "-0.00171");
balance_is($user, "0", "to nothing");

my ($record) = records_after($lsn, 1);

is_deeply([@$record{qw(kind user)}], ["credit", $user], "each is a record");

$r = ask($k);
refused($r, 429, "RATE_LIMIT_EXCEEDED", "nothing is left");
is($r->{headers}{"retry-after"}, undef, "time does not help");
refused(ask($second), 429, "RATE_LIMIT_EXCEEDED", "nor does another key");
refused(ask(create_key(name => "new", user => $user)), 429, "RATE_LIMIT_EXCEEDED",
        "or a new one");
is(ask((user_with(1))[1])->{status}, 200, "another user does not mind");

credit($user, "-1");
balance_is($user, "-1", "below nothing");
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "below nothing");
credit($user, "1.0009");
is(ask($k)->{status}, 200, "somebody pays");



=== TEST 2: the cap is what can be paid
--- upstream
$small
--- steps
# 200 tokens cost 0.0006
for my $row (["1", 100], ["0.0009", 100], ["0.000899999", 99], ["0.000603", 1]) {
    my ($credit, $cap) = @$row;
    my ($user, $k) = user_with(1);

    credit($user, $credit);
    is(ask($k)->{status}, 200, "a credit of $credit");
    is(num_predict(scalar sent_upstream()), $cap, "$credit: a cap of $cap");
}

my $sent = sent_count();

for my $credit ("0.000602999", "0.000000001") {
    my ($user, $k) = user_with(1);

    credit($user, $credit);

    my $r = ask($k);

    refused($r, 429, "RATE_LIMIT_EXCEEDED", "$credit is too little", qr/: \Q$credit\E left/);
}

is(sent_count(), $sent, "Ollama hears of none");

# a limit and a balance: the smaller
for my $row (["0.0009", "0.00075", 50], ["0.00075", "0.0009", 50]) {
    my ($user, $k) = user_with(1);

    credit($user, $row->[0]);
    set_user($user, { costLimit => $row->[1] });
    is(ask($k)->{status}, 200, "$row->[0] and $row->[1]");
    is(num_predict(scalar sent_upstream()), $row->[2], "the smaller");
}



=== TEST 3: 200 at once, of a user who can pay for ten
--- steps
for my $count (1, 20) {
    for my $stream ($yes, $no) {
        my ($user, @keys) = user_with($count);
        my $name = "$count keys";

        credit($user, "0.009");
        upstream({ %$greedy, gate => "g" });

        my @crowd = crowd(200, sub { ("chat", question("chat", 40, stream => $stream),
                                      $keys[$_[0] % @keys]{key}) });

        is(scalar(decided("g", @crowd)), 190, "$name: 190 are refused");
        balance_is($user, "0.009", "$name: what is held is not spent");
        ollama()->open("g");
        is(scalar(ok_answers(@crowd)), 10, "$name: ten have their answers");
        balance_is($user, "0", "$name: all is used, and no more");
        is(user_object($user)->{cost}, "0.009", "$name: the cost");
        refused(ask($keys[-1]), 429, "RATE_LIMIT_EXCEEDED", "$name: nothing is left");
    }
}

idle();



=== TEST 4: 200 at once, as fast as they can, and somebody pays meanwhile
--- steps
my ($user, @keys) = user_with(10);

credit($user, "0.009");

for my $rule ($greedy, $small) {
    upstream($rule);

    my $make = sub { ("chat", question("chat", 40, stream => $yes), $keys[$_[0] % @keys]{key}) };
    my @crowd = crowd(100, $make);

    credit($user, "0.009");
    push @crowd, crowd(100, $make);

    my @good = ok_answers(@crowd);

    cmp_ok(scalar @good, ">=", 10, "as many as fit");
    is((grep { $_->{status} == 429 } answers(@crowd)), 200 - @good, "200 or 429");
    cmp_ok(user_object($user)->{balance}, ">=", 0, "never below nothing");
}

idle();

my $u = user_object($user);
my $nano = sums()->{nano};

is(sprintf("%.0f", $u->{balance} * 1e9), 27000000 - $nano, "credits less charges")
    or diag(json($u));



=== TEST 5: a credit while everything is held
--- steps
my ($user, $k) = user_with(1);

credit($user, "0.0009");
upstream({ %$greedy, gate => "g" });

my $make = sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) };
my @crowd = crowd(5, $make);

is(scalar(decided("g", @crowd)), 4, "one is admitted");
credit($user, "0.0009");
push @crowd, crowd(5, $make);
is(scalar(decided("g", grep { !$_->{answer} } @crowd)), 4, "and another one");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 2, "two answers");
balance_is($user, "0", "all is used");
idle();



=== TEST 6: the error log says it once
--- upstream
$greedy
--- steps
my ($user, $k) = user_with(1);

credit($user, "0.0018");
is(ask($k)->{status}, 200, "one of two");
unlike(logged(), qr/balance of user "$user"/, "half of it is left");
is(ask($k)->{status}, 200, "two of two");
idle();
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "again and again") for 1 .. 3;
eventually(sub { logged() =~ /\[notice\].*the balance of user "$user" is used up/ }, "a notice");

my @lines = logged() =~ /the balance of user "$user" is used up/g;

is(scalar @lines, 1, "one");



=== TEST 7: estimate: a stream ends when its user cannot pay any more
--- estimate
--- http_config
    ai_api_max_output_tokens 400;
--- steps
for my $route (qw(chat generate)) {
    my ($user, $k) = user_with(1);

    credit($user, "1");
    upstream(stream_rule($route, pieces => 400, gate => "g", behind => 10,
                         stop_after => -5, stop => "hang"));

    my ($c, $head) = start_stream($route, $k->{key}, 400);

    $c->read_until(qr/(?:.*\n){10}/);
    ollama()->wait_for(waiting => 1, "g");

    # what the stream holds is left: 164 tokens
    credit($user, "-0.999508");
    ollama()->open("g");
    ok($c->read_body, "$route: a clean end");

    my $end = cut_end($c->{body}, $route, $route);

    cmp_ok($end->{pieces}, ">=", 64, "$route: what it held");
    cmp_ok($end->{pieces}, "<=", 65, "$route: one piece over it at most");
    ollama()->wait_for(closed => 1);
    charged($head, { status => "cut_quota", estimated => $yes,
                     completionTokens => $end->{completion} }, "$route: the record");
    cmp_ok(user_object($user)->{balance}, ">=", -0.000003, "$route: a piece below nothing");
    refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "$route: then nothing");
}

idle();



=== TEST 8: estimate: 200 at once
--- estimate
--- http_config
    ai_api_max_output_tokens 200;
--- steps
my ($user, @keys) = user_with(10);

# ten holds of 164 tokens
credit($user, "0.00492");
upstream({ ndjson => { pieces => 400, prompt => 100, text => "x", obey => 1 }, gate => "g" });

my @crowd = crowd(200, sub { ("chat", question("chat", 400, stream => $yes),
                              $keys[$_[0] % @keys]{key}) });

is(scalar(decided("g", @crowd)), 190, "190 are refused");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 10, "ten have an end");
idle();

my $balance = user_object($user)->{balance};

cmp_ok($balance, "<=", 0, "all is used");
cmp_ok($balance, ">=", -0.00003, "a piece more for each of them at most");
refused(ask($keys[3]), 429, "RATE_LIMIT_EXCEEDED", "then nothing");



=== TEST 9: prepaid without a credit
--- upstream
$small
--- steps
my ($user, $k) = user_with(1);

set_user($user, { prepaid => $yes });
refused(ask($k), 429, "RATE_LIMIT_EXCEEDED", "nobody has paid");
credit($user, "0.0009");
is(ask($k)->{status}, 200, "somebody pays");
set_user($user, { prepaid => $no });
is(ask($k)->{status}, 200, "$_: who need not pay is not refused") for 1 .. 25;



=== TEST 10: a reload in the middle
--- upstream
+{ %$greedy, gate => "g" }
--- steps
my ($user, $k) = user_with(1);
my $make = sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) };

credit($user, "0.0027");

my @crowd = crowd(2, $make);

is(scalar(decided("g", @crowd)), 0, "two of three");
reload_nginx(4);
push @crowd, crowd(20, $make);
is(scalar(decided("g", @crowd)), 19, "one more");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 3, "three answers");
balance_is($user, "0", "all is used");
idle();
