# Money that an administrator gives: prepaid balances, corrections, and that
# a request that is sent again is done once.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($users @members $body $answers);

$users = "/api/ai-api/admin/users";
@members = qw(user isActive prepaid balance usageCount requestCount cost limits
              keys createdAt usageLimit requestLimit costLimit rateLimits);
$body = { model => "llama3", messages => [{ role => "user", content => "x" }] };


sub credit {
    my ($user, $key, $body, %headers) = @_;

    $headers{"Idempotency-Key"} = $key if defined $key;

    return api("POST", "$users/$user/credit", $body, admin_jwt(), %headers);
}


sub user {
    my ($name) = @_;

    return api("GET", "$users/$name", undef, admin_jwt())->{json};
}


sub credits {
    return grep { $_->{kind} eq "credit" } ledger("?limit=10000");
}


sub works {
    return chat($body, key => $_[0]{key});
}


no_shuffle();
run_tests();

__DATA__

=== TEST 1: from the first credit on a user is prepaid
--- upstream
{ path => "/api/chat", play => "0.11.4/chat-json" }
--- steps
my $k = create_key(name => "x");

is(works($k)->{status}, 200, "a use before it");
is(user("alice")->{balance}, undef, "no balance");
is(user("alice")->{prepaid}, JSON::PP::false, "not prepaid");

my $lsn = last_lsn();
my $r = credit("alice", "first", { amount => "100.00", note => "invoice 7" });

is($r->{status}, 200, "credited") or diag($r->{body});
is($r->{headers}{"content-type"}, "application/json; charset=utf-8", "type");
is(join(" ", members($r->{body})), join(" ", @members), "the user object");
is_deeply([@{ $r->{json} }{qw(user prepaid balance cost requestCount)}],
          ["alice", JSON::PP::true, "100", "0.000117", 1],
          "what was used before does not count");
is_deeply(user("alice"), $r->{json}, "the same as GET");

my ($record) = records_after($lsn, 1);

is_deeply([@$record{qw(lsn kind status user keyId model endpoint cost costNano)}],
          [$lsn + 1, "credit", "ok", "alice", undef, undef, undef, "100",
           100000000000], "its record");
like($record->{requestId}, qr/^[0-9a-f]{32}$/, "has an id");

is(works($k)->{status}, 200, "a use after it");
wait_for(sub { last_lsn() == $lsn + 2 });
is(user("alice")->{balance}, "99.999883", "the balance goes down");
is(user("alice")->{requestCount}, 2, "a credit is no request");
is(api("GET", "/api/ai-service/usage", undef, $k->{key})->{json}{remaining}{cost},
   "99.999883", "remaining");



=== TEST 2: a balance of 0 refuses, a credit opens again
--- upstream
{ path => "/api/chat", play => "0.11.4/chat-json" }
--- steps
my $k = create_key(name => "x");

is(credit("alice", "a", { amount => "-0.5" })->{json}{balance}, "-0.5", "a debt");
refused(works($k), 429, "RATE_LIMIT_EXCEEDED", "below 0");
is(credit("alice", "b", { amount => "0.5" })->{json}{balance}, "0", "even");
refused(works($k), 429, "RATE_LIMIT_EXCEEDED", "at 0");
is(credit("alice", "c", { amount => "10" })->{json}{balance}, "10", "more");
is(works($k)->{status}, 200, "works on the next request");
is(credit("alice", "d", { amount => "-10" })->{status}, 200, "taken back");
refused(works($k), 429, "RATE_LIMIT_EXCEEDED", "holds on the next request");



=== TEST 3: the same key and the same body: the same answer, one record
--- steps
create_key(name => "x");

my $first = credit("alice", "once", { amount => "5", note => "n" });

is($first->{status}, 200, "the first");
is(credit("alice", "other", { amount => "1" })->{json}{balance}, "6", "another");

for my $same ('{"amount":"5","note":"n"}', ' {"note":"n", "amount":"5.0"} ') {
    my $again = credit("alice", "once", $same);

    is($again->{status}, 200, "again");
    is($again->{body}, $first->{body}, "byte for byte the same answer");
}

for my $other ('{"amount":"5"}', '{"amount":"6","note":"n"}',
               '{"amount":"-5","note":"n"}', '{"amount":"5","note":"N"}')
{
    refused(credit("alice", "once", $other), 409, "CONFLICT", $other);
}

is(scalar credits(), 2, "two records");
is(user("alice")->{balance}, "6", "the balance");

create_key(name => "x", user => "bob");
is(credit("bob", "once", { amount => "7" })->{json}{balance}, "7",
   "another user's key is another one");



=== TEST 4: the key
--- steps
create_key(name => "x");

refused(credit("alice", undef, { amount => "1" }), 400, "INVALID_REQUEST", "none",
        qr/Idempotency-Key/);

for my $bad ("", " ", "a b", "a,b c", "k\xc3\xa9y", "k\x01", "x" x 256) {
    refused(credit("alice", $bad, { amount => "1" }), 400, "INVALID_REQUEST",
            json($bad));
}

for my $two (["a", "b"], ["a", "a"], ["", "a"], ["a", ""]) {
    my $c = client();

    $c->send_request("POST", "$users/alice/credit", '{"amount":"1"}',
                     Authorization => "Bearer " . admin_jwt(),
                     map { ("Idempotency-Key" => $_) } @$two);
    refused($c->read_answer, 400, "INVALID_REQUEST", "two headers: @$two");
}

for my $good ("a", "x" x 255, "\"8e03978e-40d5-43dd-bc93\"", "!~", "a,b") {
    is(credit("alice", $good, { amount => "1" })->{status}, 200, $good);
}

is(scalar credits(), 5, "as many records");
is(user("alice")->{balance}, "5", "the balance");



=== TEST 5: bodies
--- steps
create_key(name => "x");

my @wrong = map { "{\"amount\":$_}" }
    '"1,5"', qw(1 1.5 -1 null true [] {} "" "0" "0.000" "-0" "1e3" "+1" "01" "1." ".5"
       "NaN" "Infinity" "0.0000000001" "9223372036.854775808" "--1" "0x10"
       "-9223372036.854775808" "99999999999999999999999999999999999999999");

push @wrong, "", "{}", "[]", "null", '"1"', "{", '{"amount":"1"}x',
    '{"amount":"1","amount":"1"}', '{"amount":"1","note":1}',
    '{"amount":"1","note":["x"]}', '{"amount":"1","note":"a\nb"}',
    '{"amount":"1","note":"a\u0000b"}', '{"amount":"1","note":"\ud800"}',
    "{\"amount\":\"1\",\"note\":\"\xff\"}", '{"amount":" 1"}',
    '{"amount":"1","note":"' . "x" x 201 . '"}',
    '{"amount":"1","note":"' . "x" x 70000 . '"}',
    '{"amount":' . "[" x 5000 . "]" x 5000 . "}",
    '{"amount":"' . "1" x 60000 . '"}';

for my $body (@wrong) {
    my $r = credit("alice", "k", $body);
    my $name = length $body > 60 ? substr($body, 0, 60) . "…" : $body;

    refused($r, $r->{status} == 413 ? (413, "PAYLOAD_TOO_LARGE")
                                    : (400, "INVALID_REQUEST"), $name);
}

for my $member (qw(user balance Amount amounts currency kind lsn ref)) {
    refused(credit("alice", "k", { amount => "1", $member => "x" }), 400,
            "INVALID_REQUEST", $member, qr/"\Q$member\E" is not a known member/);
}

is(scalar credits(), 0, "no record");
is(user("alice")->{prepaid}, JSON::PP::false, "nothing happened");
is(credit("alice", "k", { amount => "1", note => "x" x 200 })->{status}, 200,
   "the key is as good as new");
is(credit("alice", "k2", { amount => "0.000000001", note => undef })->{json}{balance},
   "1.000000001", "nine decimals");



=== TEST 6: sums that do not fit
--- steps
create_key(name => "x");
create_key(name => "x", user => "bob");

my $most = "9223372036.854775807";

is(credit("alice", "a", { amount => $most })->{json}{balance}, $most, "the most");
refused(credit("alice", "b", { amount => "0.000000001" }), 400, "INVALID_REQUEST",
        "one more", qr/"amount"/);
refused(credit("bob", "c", { amount => "1" }), 400, "INVALID_REQUEST",
        "nor of all users together", qr/"amount"/);
is(credit("alice", "d", { amount => "-$most" })->{json}{balance}, "0", "taken back");
is(credit("alice", "e", { amount => "-$most" })->{json}{balance}, "-$most", "the least");
is(scalar credits(), 3, "three records");



=== TEST 7: who may, and for whom
--- steps
create_key(name => "x");

my $r = api("POST", "$users/alice/credit", { amount => "1" }, jwt("alice"),
            "Idempotency-Key" => "k");

refused($r, 403, "ADMIN_REQUIRED", "a user");
refused(api("POST", "$users/alice/credit", { amount => "1" }, undef,
            "Idempotency-Key" => "k"), 401, "AUTHENTICATION_ERROR", "nobody");
refused(credit("nobody", "k", { amount => "1" }), 404, "USER_NOT_FOUND",
        "no such user");
refused(api($_, "$users/alice/credit", undef, admin_jwt()), 405,
        "METHOD_NOT_ALLOWED", $_) for qw(GET PUT DELETE);
is(scalar credits(), 0, "no record");

api("PATCH", "$users/alice", { isActive => JSON::PP::false }, admin_jwt());
is(credit("alice", "k", { amount => "1" })->{json}{balance}, "1",
   "a disabled user can be given money");



=== TEST 8: ai_api_users known: the user begins with the money
--- http_config
    ai_api_users known;
--- steps
refused(api("GET", "/api/ai-api/keys", undef, jwt("carol")), 404, "USER_NOT_FOUND",
        "not known");
refused(credit("carol", "k", { amount => "x" }), 400, "INVALID_REQUEST",
        "a wrong body");
refused(api("GET", "$users/carol", undef, admin_jwt()), 404, "USER_NOT_FOUND",
        "makes nobody known");
is(credit("carol", "k", { amount => "3" })->{json}{balance}, "3", "made and credited");
is(credit("carol", "k", { amount => "3" })->{json}{balance}, "3", "once");
is(api("GET", "/api/ai-api/keys", undef, jwt("carol"))->{status}, 200, "known");



=== TEST 9: many at once with one key: one record
--- steps
create_key(name => "x");

my @open = map { client() } 1 .. 24;

for my $c (@open) {
    $c->send_request("POST", "$users/alice/credit", '{"amount":"2.5"}',
                     Authorization => "Bearer " . admin_jwt(),
                     "Idempotency-Key" => "parallel");
}

my %seen;
$seen{join " ", @{ $_->read_answer }{qw(status body)}}++ for @open;

is_deeply([values %seen], [24], "one answer for all") or diag(join "\n", keys %seen);
like((keys %seen)[0], qr/^200 .*"balance":"2\.5"/, "the balance");
is(scalar credits(), 1, "one record");

# and each with a key of its own: all of them

my $i = 0;

for my $c (@open) {
    $c->send_request("POST", "$users/alice/credit", '{"amount":"1"}',
                     Authorization => "Bearer " . admin_jwt(),
                     "Idempotency-Key" => "number-" . $i++);
}

is($_->read_answer->{status}, 200, "each") for @open;
is(user("alice")->{balance}, "26.5", "all of them");
is(scalar credits(), 25, "as many records");



=== TEST 10: prepaid switched off and on
--- upstream
{ path => "/api/chat", play => "0.11.4/chat-json" }
--- steps
my $k = create_key(name => "x");
my $set = sub {
    my $r = api("PATCH", "$users/alice", { prepaid => $_[0] }, admin_jwt());

    is($r->{status}, 200, "PATCH") or diag($r->{body});
    return $r->{json}{balance};
};

credit("alice", "k", { amount => "1" });
is($set->(JSON::PP::true), "1", "it is prepaid");
is($set->(JSON::PP::false), undef, "not any more");

my $lsn = last_lsn();

is(works($k)->{status}, 200, "a use on account");
records_after($lsn, 1);
is($set->(JSON::PP::true), "1", "the balance is what it was");

create_key(name => "x", user => "bob");
api("PATCH", "$users/bob", { prepaid => JSON::PP::true }, admin_jwt());
is(user("bob")->{balance}, "0", "without a credit: 0");



=== TEST 11: what an answer promised is there after a start
--- steps
create_key(name => "x");
$answers = credit("alice", "before", { amount => "1" });
is($answers->{status}, 200, "before");



=== TEST 12: the same key after a start of nginx
--- keep_state
--- steps
my $again = credit("alice", "before", { amount => "1" });

is($again->{body}, $answers->{body}, "the same answer");
refused(credit("alice", "before", { amount => "2" }), 409, "CONFLICT", "not another");
is(scalar credits(), 1, "one record");



=== TEST 13: kill -9 while credits are written, and clients that ask again
--- no_error_log
[emerg]
--- no_shutdown_error_log
[emerg]
--- steps
create_key(name => "x");

my ($kills, $lost, @answers) = (0, 0);

for my $i (1 .. 40) {
    for my $try (1 .. 50) {
        my (undef, @workers) = nginx_pids();
        my $c = eval { client() } or next;

        $c->send_request("POST", "$users/alice/credit", '{"amount":"1"}',
                         Authorization => "Bearer " . admin_jwt(),
                         "Idempotency-Key" => "killed-$i");

        # in the middle of it, or soon after the answer
        if ($try == 1 && $i % 2) {
            select undef, undef, undef, rand(0.003);
            $kills += kill "KILL", @workers;
        }

        my $r = eval { $c->read_answer };

        if ($r && $r->{status} == 200 && $r->{complete}) {
            $answers[$i] = $r->{body};
            last;
        }

        $lost++;
    }
}

my @again = map { credit("alice", "killed-$_", { amount => "1" })->{body} } 1 .. 40;

is_deeply(\@again, [@answers[1 .. 40]], "the same answers afterwards")
    or diag("$kills kills, $lost without an answer");
is(scalar credits(), 40, "40 records");
is(user("alice")->{balance}, "40", "the balance");
is_deeply([map { $_->{json}{balance} } map { { json => from_json($_) } } @again],
          [1 .. 40], "each counted once, in order");

my @lines = grep { $_->{action} eq "user.credit" }
    @{ api("GET", "/api/ai-api/admin/audit?limit=1000", undef, admin_jwt())->{json}{audit} };

is(scalar @lines, 40, "40 lines of the audit");
is(join(" ", sort { $a <=> $b } map { $_->{after}{lsn} } @lines),
   join(" ", map { $_->{lsn} } credits()), "of these records");
