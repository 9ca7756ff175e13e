# GET /api/ai-api/admin/ledger: the records, one a line, in full.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(@members %question);

@members = qw(lsn kind status requestId keyId user model family endpoint stream httpStatus
              promptTokens cachedTokens completionTokens estimatedPrompt
              estimatedCompletion estimated priceInput priceOutput priceCached cost
              costNano admittedAt firstByteMs durationMs ref);
%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);


sub get {
    my ($query) = @_;

    return api("GET", "/api/ai-api/admin/ledger$query", undef, admin_jwt());
}


sub lsns {
    my ($query) = @_;

    my $r = get($query);

    is($r->{status}, 200, "ledger$query") or diag($r->{body});

    return map { from_json($_)->{lsn} } split /\n/, $r->{body};
}


run_tests();

__DATA__

=== TEST 1: an empty ledger
--- steps
my $r = get("");

is($r->{status}, 200, "status");
is($r->{body}, "", "no line");
is($r->{headers}{"content-type"}, "application/x-ndjson", "type");



=== TEST 2: a line
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $k = create_key(name => "x");
my $before = Time::HiRes::time();
my $id = chat({ %question, stream => JSON::PP::true }, key => $k->{key})
    ->{headers}{"x-request-id"};
my $after = Time::HiRes::time();
my $r = get("");
my ($line, @more) = split /\n/, $r->{body}, -1;

is_deeply(\@more, [""], "one line, with its end");
is_deeply([members($line)], \@members, "all members, in the document's order");

my $record = from_json($line);
my ($year, $month, $day, $hour, $minute, $second) =
    $record->{admittedAt} =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{3}Z$/;

require Time::Local;
my $admitted = Time::Local::timegm($second, $minute, $hour, $day, $month - 1, $year);

# nginx's clock is that of the last event, and a second has a beginning
cmp_ok($admitted, ">=", $before - 2, "admittedAt: not before");
cmp_ok($admitted, "<=", $after, "admittedAt: nor after");

for my $name (qw(firstByteMs durationMs)) {
    my $ms = delete $record->{$name};
    ok($ms =~ /^\d+$/ && $ms <= ($after - $before + 1) * 1000, $name);
}

delete $record->{admittedAt};
is_deeply($record, {
    lsn => 1, kind => "charge", status => "ok", requestId => $id, keyId => $k->{id},
    user => "alice", model => "llama3:latest", family => "Llama3",
    endpoint => "/api/chat", stream => JSON::PP::true, httpStatus => 200,
    promptTokens => 15, cachedTokens => 0, completionTokens => 24,
    estimatedPrompt => JSON::PP::false, estimatedCompletion => JSON::PP::false,
    estimated => JSON::PP::false, priceInput => "0.003", priceOutput => "0.003",
    priceCached => "0.003", cost => "0.000117", costNano => 117000, ref => undef,
}, "their values");
like($line, qr/"costNano":117000,/, "an integer");



=== TEST 3: pages, users, keys
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my %key = map { $_ => create_key(name => $_, user => $_ =~ /^b/ ? "bob" : "alice") }
    qw(a1 a2 b1);

# LSN 1 … 12: a1 a2 b1 a1 a2 b1 …
for (1 .. 4) {
    is(chat(\%question, key => $key{$_}{key})->{status}, 200, $_) for qw(a1 a2 b1);
}

is_deeply([lsns("")], [1 .. 12], "all, without a gap");
is_deeply([lsns("?limit=5")], [1 .. 5], "a page");
is_deeply([lsns("?after=5&limit=5")], [6 .. 10], "the next");
is_deeply([lsns("?after=10&limit=5")], [11, 12], "the last");
is_deeply([lsns("?after=12")], [], "nothing more");
is_deeply([lsns("?after=0")], [1 .. 12], "after 0");
is_deeply([lsns("?user=bob")], [3, 6, 9, 12], "a user");
is_deeply([lsns("?user=bob&after=6&limit=1")], [9], "a page of a user");
is_deeply([lsns("?key=$key{a2}{id}")], [2, 5, 8, 11], "a key");
is_deeply([lsns("?key=$key{a2}{id}&after=5")], [8, 11], "a page of a key");
is_deeply([lsns("?key=$key{a2}{id}&user=alice")], [2, 5, 8, 11], "a key of a user");
is_deeply([lsns("?user=alice&limit=3")], [1, 2, 4], "a page of a user");

for my $query ("user=nobody", "key=key_" . "0" x 22, "key=$key{a2}{id}&user=bob") {
    my $r = get("?$query");
    ok($r->{status} == 404 || $r->{status} == 200 && $r->{body} eq "", $query);
}

refused(get("?$_"), 400, "INVALID_REQUEST", $_)
    for "limit=0", "limit=10001", "limit=x", "after=-1", "after=x";
is(get("?limit=10000")->{status}, 200, "limit=10000");



=== TEST 4: for administrators only
--- steps
refused(api("GET", "/api/ai-api/admin/ledger", undef, jwt("alice")), 403,
        "ADMIN_REQUIRED", "a user");
refused(api("GET", "/api/ai-api/admin/ledger"), 401, "AUTHENTICATION_ERROR", "nobody");
refused(api("POST", "/api/ai-api/admin/ledger", {}, admin_jwt()), 405,
        "METHOD_NOT_ALLOWED", "POST");



=== TEST 5: what has a record, and what has none
--- upstream
{ path => "/api/chat", contains => "<404>",
  raw => http_answer(404, '{"error":"model not found"}') },
{ path => "/api/chat", contains => "<500>", raw => http_answer(500, '{"error":"x"}') },
{ path => "/api/chat", play => "0.24.0/chat-json" },
{ path => "/api/tags", play => "0.11.4/tags" },
{ path => "/api/show", raw => http_answer(200, '{"details":{}}') }
--- steps
my $ask = sub {
    my ($text, %more) = @_;
    return chat({ %question, messages => [{ role => "user", content => $text }], %more });
};
my $charges = sub { scalar(() = ledger()) };

$ask->("x");
is($charges->(), 1, "an answer");
$ask->("<404>");
wait_for(sub { $charges->() == 2 });
is($charges->(), 2, "a refusal of Ollama");
$ask->("<500>");
wait_for(sub { $charges->() == 3 });
is($charges->(), 3, "an error of Ollama");

chat("{");
chat({ model => "llama3" });
$ask->("x", model => "a:cloud");
chat(\%question, key => "aik_" . "0" x 49);
request("GET", "/api/ai-service/$_", undef, "X-API-Key" => key())
    for qw(models usage api/tags pull);
$ask->("x");
is($charges->(), 4, "none for what we refused, and none for GET");
is(key_object(create_key(name => "y")->{id})->{requestCount}, 0, "another key");

my $r = api("GET", "/api/ai-api/usage", undef, jwt("alice"));
is($r->{json}{total}{requests}, 4, "the usage counts the same");



=== TEST 6: a thousand
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $body = json(\%question);
my $key = key();
my @open = map { client() } 1 .. 20;

for (1 .. 52) {
    $_->send_request("POST", "/api/ai-service/chat", $body, "X-API-Key" => $key) for @open;
    $_->read_answer for @open;
}

is_deeply([lsns("")], [1 .. 1000], "a page has a thousand");
is_deeply([lsns("?limit=10000")], [1 .. 1040], "all, without a gap");

my %ids = map { $_->{requestId} => 1 } ledger("?limit=10000");

is(scalar keys %ids, 1040, "each id once");
is(api("GET", "/api/ai-api/usage", undef, jwt("alice"))->{json}{total}{cost},
   cost(1040 * 117000), "the sum");
