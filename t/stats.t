# GET /api/ai-api/admin/stats: the whole system.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);


sub stats {
    my ($query) = @_;

    return api("GET", "/api/ai-api/admin/stats" . ($query || ""), undef, admin_jwt());
}


sub requests {
    my (@rows) = @_;

    my $sum = 0;
    $sum += $_->{requests} for @rows;

    return $sum;
}


run_tests();

__DATA__

=== TEST 1: an empty system
--- steps
my $r = stats();

is($r->{status}, 200, "status");

my %member = map { $_ => 1 } members($r->{body});

is_deeply([grep { !$member{$_} } qw(currency from to total byModel byKey byDay keys users
                                    topKeys topUsers byStatus estimatedRequests inFlight)],
          [], "all members are there");
is($r->{json}{total}{requests}, 0, "no requests");
is_deeply($r->{json}{keys}, { total => 0, active => 0 }, "no keys");
is_deeply([@{ $r->{json} }{qw(topKeys topUsers estimatedRequests inFlight)}],
          [[], [], 0, 0], "nothing");
is_deeply($r->{json}{byStatus},
          { map { $_ => 0 } qw(ok client_abort upstream_error cut_quota worker_crash
                               server_shutdown) }, "byStatus");



=== TEST 2: after some requests
--- upstream
{ path => "/api/chat", contains => "<500>", raw => http_answer(500, '{"error":"x"}') },
{ path => "/api/chat", contains => "<nodone>",
  raw => http_answer(200, '{"message":{"content":"x"},"done":true,"eval_count":2}') },
{ path => "/api/chat", contains => "mistral",
  raw => http_answer(200, '{"message":{"content":"x"},"done":true,'
                          . '"prompt_eval_count":1000,"eval_count":1000}') },
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my %key = map { $_->[0] => create_key(name => $_->[0], user => $_->[1]) }
    ["a1", "alice"], ["a2", "alice"], ["b1", "bob"], ["c1", "carol"], ["unused", "carol"];
my $ask = sub {
    my ($name, $text, %more) = @_;
    return chat({ %question, %more, messages => [{ role => "user", content => $text }] },
                key => $key{$name}{key})->{status};
};

is($ask->("a1", "x"), 200, "a1") for 1 .. 3;
is($ask->("a2", "x"), 200, "a2");
is($ask->("b1", "x", model => "mistral"), 200, "b1");
is($ask->("c1", "<500>"), 502, "c1");
is($ask->("c1", "<nodone>"), 200, "c1");

api("PATCH", "/api/ai-api/keys/$key{a2}{id}", { isActive => JSON::PP::false },
    jwt("alice"));
api("DELETE", "/api/ai-api/keys/$key{unused}{id}", undef, jwt("carol"));

records_after(0, 7);

my $j = stats()->{json};

is($j->{total}{requests}, 7, "total");
is(requests(@{ $j->{$_} }), 7, "$_ adds up") for qw(byModel byKey byDay topKeys topUsers);
is($j->{keys}{active}, 3, "active keys") or diag(json($j->{keys}));
is($j->{users}{active} >= 3, 1, "users") or diag(json($j->{users}));
is($j->{byStatus}{ok}, 6, "ok");
is($j->{byStatus}{upstream_error}, 1, "upstream_error");

my $sum = 0;
$sum += $_ for values %{ $j->{byStatus} };
is($sum, 7, "byStatus adds up");
is($j->{estimatedRequests}, 1, "estimatedRequests");
is($j->{inFlight}, 0, "inFlight");

is_deeply($j->{topKeys}[0], { id => $key{b1}{id}, name => "b1", user => "bob",
                              requests => 1, promptTokens => 1000,
                              completionTokens => 1000, totalTokens => 2000,
                              cost => "0.005" }, "the first of topKeys");
is_deeply($j->{topUsers}[0], { user => "bob", requests => 1, promptTokens => 1000,
                               completionTokens => 1000, totalTokens => 2000,
                               cost => "0.005" }, "the first of topUsers");
is($j->{topUsers}[1]{user}, "alice", "the second");

# the system is the sum of its users
my $total = 0;
$total += api("GET", "/api/ai-api/usage", undef, jwt($_))->{json}{total}{totalTokens}
    for qw(alice bob carol);
is($j->{total}{totalTokens}, $total, "the sum of the users");



=== TEST 3: ten each
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
for my $n (1 .. 12) {
    my $k = create_key(name => "key $n", user => "user$n");
    is(chat(\%question, key => $k->{key})->{status}, 200, "user $n") for 1 .. $n;
}

my $j = stats()->{json};

is($j->{total}{requests}, 78, "total");
is_deeply([map { $_->{user} } @{ $j->{topUsers} }], [map { "user$_" } reverse 3 .. 12],
          "topUsers");
is_deeply([map { $_->{name} } @{ $j->{topKeys} }], [map { "key $_" } reverse 3 .. 12],
          "topKeys");



=== TEST 4: from, to, groupBy, tz as in the usage
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
chat(\%question);

is(stats("?from=2020-01-01&to=2020-02-01")->{json}{total}{requests}, 0, "long ago");
is(stats("?from=2020-01-01")->{json}{total}{requests}, 1, "since long ago");
is(join(" ", sort grep { /^by(?!Status)/ } keys %{ stats("?groupBy=hour")->{json} }),
   "byHour", "groupBy");
is(stats("?tz=%2B08:00")->{status}, 200, "tz");
refused(stats("?$_"), 400, "INVALID_REQUEST", $_) for "tz=x", "from=x", "groupBy=x";



=== TEST 5: in flight
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", gate => "g", gate_at => 500 }
--- steps
my @open = map { client() } 1 .. 6;

$_->send_request("POST", "/api/ai-service/chat", json(\%question), "X-API-Key" => key())
    for @open;
ollama()->wait_for(waiting => 6, "g");

is(stats()->{json}{inFlight}, 6, "six are under way, in all workers") for 1 .. 4;
ollama()->open("g");
$_->read_answer for @open;
eventually(sub { stats()->{json}{inFlight} == 0 }, "none");
