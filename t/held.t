# The last bytes of an answer wait until its charge is on the disk, and what
# happens when the disk takes its time.

use lib 't/lib';
use AiApi;
use AiApi::StoreLock;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);


sub start {
    my (%more) = @_;

    my $c = client();

    $c->send_request("POST", "/api/ai-service/chat", json({ %question, %more }),
                     "X-API-Key" => key());

    return $c;
}


# A key, a user and an administrator are made before nothing can be written.

sub store_lock {
    key();
    ledger();

    return AiApi::StoreLock->new(state_dir() . "/store");
}


run_tests();

__DATA__

=== TEST 1: a stream
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $lock = store_lock();
my $w = recording("0.24.0/chat-stream");

$lock->hold;

my $c = start(stream => JSON::PP::true);
my $head = $c->read_head;

is($head->{status}, 200, "the head is not held");
$c->read_until(qr/^(?:[^\n]*\n){24}/);
is($c->silent(0.3), 1, "the last line is");

my ($lines) = $w->{body} =~ /^(.*"done":false}\n)/s;

is($c->{body}, $lines, "all others are here");
no_record(0, "no record yet");
$lock->release;

is($c->read_body, 1, "then it comes");
is($c->{body}, $w->{body}, "whole");
charged($head, { status => "ok", promptTokens => 15, completionTokens => 24 },
        "the record");



=== TEST 2: a JSON answer
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $lock = store_lock();

$lock->hold;

my $c = start();

ollama()->wait_for(ended => 1);
is($c->silent(0.3) || $c->{in} !~ /\}$/, 1, "the end is held");
no_record(0, "no record yet");
$lock->release;

my $r = $c->read_answer;

is("$r->{status} $r->{complete}", "200 1", "then it comes");
is($r->{body}, recording("0.24.0/chat-json")->{body}, "whole");
charged($r, { status => "ok", promptTokens => 15, completionTokens => 24 }, "the record");



=== TEST 3: others go on meanwhile
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" },
{ method => "GET", path => "/api/tags", play => "0.11.4/tags" }
--- steps
my $lock = store_lock();

$lock->hold;

my @waiting = map { start() } 1 .. 8;

ollama()->wait_for(ended => 8);

for (1 .. 8) {
    is(request("GET", "/api/ai-service/models", undef, "X-API-Key" => key())->{status},
       200, "a list of models");
    is(request("GET", "/api/ai-service/usage", undef, "X-API-Key" => key())->{status},
       200, "usage");
    is(api("GET", "/api/ai-api/keys", undef, jwt("alice"))->{status}, 200, "keys");
}

$lock->release;
is((grep { $_->read_answer->{complete} } @waiting), 8, "then all have their answers");
is(scalar(my @records = records_after(0, 8)), 8, "and their records");



=== TEST 4: ai_api_settle_timeout: a stream ends with an error, and is charged later
--- http_config
    ai_api_settle_timeout 300ms fail;
--- no_error_log
[crit]
[emerg]
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $lock = store_lock();

$lock->hold;

my $c = start(stream => JSON::PP::true);
my $r = $c->read_answer;
my @lines = split /\n/, $r->{body};

is("$r->{status} $r->{complete}", "200 1", "a stream with an end");
is_deeply(from_json(pop @lines), { error => zh_text("BILLING_UNAVAILABLE"),
                                   code => "BILLING_UNAVAILABLE" }, "an error");
is(scalar(grep { /"done":true/ } @lines), 0, "instead of the counts");
no_record(0, "no record yet");

$lock->release;
charged($r, { promptTokens => 15, completionTokens => 24, cost => "0.000117" },
        "charged later");
is(scalar(my @records = ledger()), 1, "once");

$r = start(stream => JSON::PP::true)->read_answer;
ok($r->{body} eq recording("0.24.0/chat-stream")->{body}, "the next one is whole");



=== TEST 5: ai_api_settle_timeout: a JSON answer
--- http_config
    ai_api_settle_timeout 300ms;
--- no_error_log
[crit]
[emerg]
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $lock = store_lock();

$lock->hold;

my $r = start()->read_answer;

ok($r->{status} == 503 || !$r->{complete}, "no whole answer");
refused($r, 503, "BILLING_UNAVAILABLE", "an error") if $r->{status} == 503;
$lock->release;

is(scalar(records_after(0, 1)), 1, "charged later");
is(start()->read_answer->{complete}, 1, "the next one is whole");



=== TEST 6: management waits for the disk too
--- steps
my $lock = store_lock();
my $c = client();

$lock->hold;
$c->send_request("POST", "/api/ai-api/keys", '{"name":"x"}',
                 Authorization => "Bearer " . jwt("alice"));
is($c->silent(0.2), 1, "no key before it is kept");
$lock->release;
is($c->read_answer->{status}, 201, "then one");
