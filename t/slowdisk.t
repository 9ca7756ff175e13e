# A disk that is slow, hangs, is full or fails: nobody waits but for his own
# charge, and no charge is lost or made twice.

use lib 't/lib';
use AiApi;
use AiApi::Faults;
use AiApi::Running;
use Test::Nginx::Socket 'no_plan';

use vars qw($w $plain $begin $frame);

$w = recording("0.11.4/chat-stream");
$plain = recording("0.11.4/chat-json");
($begin) = pieces_of($w);
$frame = qr/^\{"error":"[^"]+","code":"BILLING_UNAVAILABLE"\}\n\z/;

add_block_preprocessor(sub {
    my ($block) = @_;

    workers($block->name =~ /two workers/ ? 2 : 1);
    running_location($block, defined $block->settle ? $block->settle
                             : "ai_api_settle_timeout 50s;");

    # a disk that is well may be slow, too
    $block->set_value("config", $block->config . <<'EOC');

    location /patient/ {
        ai_api_pass http://ollama;
        ai_api_settle_timeout 50s;
    }
EOC
});


sub play {
    upstream({ path => "/api/chat", contains => '"stream":true',
               play => $w->{name} },
             { path => "/api/chat", play => $plain->{name} },
             { path => "/", play => "0.11.4/root" },
             { path => "/api/tags", play => "0.11.4/tags" });
}


# A round of everything that has nothing to write.

sub others_go_on {
    my ($name) = @_;

    my $usage = "/api/ai-service/usage";

    is(api("GET", $usage)->{status}, 401, "$name: a stranger");
    is(api("GET", $usage, undef, "aik_x")->{status}, 401, "$name: a bad key");
    is(api("GET", $usage, undef, key())->{status}, 200, "$name: GET /usage");
    is(api("GET", "/api/ai-service/", undef, key())->{body},
       "Ollama is running", "$name: GET /");
    is(api("GET", "/api/ai-service/models", undef, key())->{status}, 200,
       "$name: GET /models");
    is(api("GET", "/api/ai-api/keys", undef, jwt("alice"))->{status}, 200,
       "$name: GET /keys");
    is(api("GET", "/api/ai-api/admin/stats", undef, admin_jwt())->{status},
       200, "$name: GET /admin/stats");
    is(api("POST", "/api/ai-service/chat", "{", key())->{status}, 400,
       "$name: a broken body");
}


# The thread of this worker has seen a commit fail, and the worker knows it;
# a fold that fails says nothing.

sub commit_failed {
    my ($before) = @_;

    wait_for(sub { said_failed() > $before }) or die "no commit has failed\n";
}


sub said_failed {
    return scalar(() = logged() =~ /\[crit\].* cannot be written: /g);
}


sub billing_refused {
    my ($name) = @_;

    my $before = sent_count();
    my $r = chat({ model => "llama3", stream => JSON::PP::true,
                   messages => [{ role => "user", content => "x" }] });

    refused($r, 503, "BILLING_UNAVAILABLE", "$name: paid work is refused");
    ok($r->{headers}{"retry-after"}, "$name: Retry-After");
    is(sent_count(), $before,
       "$name: Ollama does not hear of it");
}


# Whole, charged, and nothing besides.

sub ends_well {
    my ($c, $head, $recorded, $name) = @_;

    ok($c->read_body, "$name: ends");
    is($c->{body}, $recorded->{body}, "$name: byte for byte");
    in_ledger($head, $recorded, $name);
}


sub well_again {
    my ($records, $name) = @_;

    local $AiApi::Running::prefix = "/patient";

    my $c = ask("chat", "true");

    ends_well($c, $c->read_head, $w, $name);
    is(scalar(ledger("?limit=10000")), $records, "$name: no record more");
}


run_tests();

__DATA__

=== TEST 1: slow: every answer is right, two workers
--- settle
--- steps
key();
play();
faults("fdatasync delay 50");

my @c = map { ask("chat", $_ % 3 ? "true" : "false") } 1 .. 24;

for my $i (1 .. 24) {
    my $c = $c[$i - 1];

    ends_well($c, $c->read_head, $i % 3 ? $w : $plain, $i);
}

is(scalar(ledger("?limit=10000")), 24, "24 records");



=== TEST 2: hanging: the others go on
--- steps
key();
play();
ledger();    # a user's first request is a write: it makes the user
faults("fdatasync hang");

my $held = ask("chat", "true");
my $head = $held->read_head;

$held->read_until(qr/^\Q$begin\E/);
faulted();

others_go_on("while a charge waits");

ollama()->rules({ path => "/", play => "0.11.4/root" },
                { path => "/api/tags", play => "0.11.4/tags" },
                { path => "/api/chat", play => $w->{name}, cut => "lines",
                  gate => "piece", gate_at => 400 });

my $other = ask("chat", "true");
my $other_head = $other->read_head;

ollama()->wait_for(waiting => 1, "piece");
$other->read_until(qr/Why/);
others_go_on("in the middle of a stream");
ollama()->open("piece");
$other->read_until(qr/^\Q$begin\E/);

is(so_far($held), $begin, "the first one is still held");
is(so_far($other), $begin, "so is the second");

faults();
ends_well($held, $head, $w, "the first");
ends_well($other, $other_head, $w, "the second");
well_again(3, "the next");



=== TEST 3: hanging, two workers: one waits for the other's disk, no loop does
--- steps
key();
play();
faults("fdatasync hang");

my (undef, @workers) = nginx_pids();

# each worker has one that waits
my @held = map { by_worker($_, sub {
    my $c = ask("chat", "true");
    my $head = $c->read_head;

    $c->read_until(qr/^\Q$begin\E/);

    return [$c, $head];
}) } @workers;

is_deeply([map { worker_of($_->[1]) } @held], \@workers, "both workers have one");
faulted();

my @answers = map { by_worker($_, sub {
    request("GET", "/api/ai-service/usage", undef, "X-API-Key" => key());
}) } @workers;

is_deeply([map { $_->{status} } @answers], [200, 200], "both answer");
is_deeply([map { worker_of($_) } @answers], \@workers, "each of them");
is(drain_input($_->[0]), $begin, "held") for @held;

faults();
ends_well(@$_, $w, "released") for @held;
is(scalar(ledger("?limit=10000")), scalar @held, "no record more");



=== TEST 4: ai_api_settle_timeout: a stream ends with a frame
--- settle
    ai_api_settle_timeout 1s;
--- error_log
was not durable in time
--- steps
key();
play();
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

ok($c->read_body, "a clean end");
is(substr($c->{body}, 0, length $begin), $begin, "after all pieces");
like(substr($c->{body}, length $begin), $frame, "the frame, no final line");

# the connection is of use
send_question($c, "chat", "true");
my $second = $c->read_head;
ok($c->read_body, "the next on the same connection");
like($c->{body}, qr/BILLING_UNAVAILABLE/, "ends in the same way");

# its final line was begun
ollama()->rules({ path => "/api/chat", play => $w->{name}, gate => "final",
                  gate_at => -250 });
send_question($c, "chat", "true");
my $third = $c->read_head;
$c->read_until(qr/^\Q$begin\E\{"model"/);
ollama()->open("final");
ok($c->read_body, "a final line that was cut: a clean end");
like(substr($c->{body}, length $begin),
     qr/^\{[^\n]*\n\{"error":"[^"]+","code":"BILLING_UNAVAILABLE"\}\n\z/,
     "the frame on a line of its own");
unlike($c->{body}, qr/"done":true/, "no final line");
play();

faults();
eventually(sub { records_of($head) }, "its charge comes later");
eventually(sub { records_of($third) }, "so does the third one");
eventually(sub { records_of($second) }, "so does the other one");
in_ledger($head, $w, "once");
in_ledger($second, $w, "once");
in_ledger($third, $w, "once");
well_again(4, "the next");



=== TEST 5: ai_api_settle_timeout: Ollama idles behind its counts
--- settle
    ai_api_settle_timeout 1s;
--- error_log
was not durable in time
--- steps
key();
upstream({ path => "/api/chat", play => $w->{name}, gate => "end",
           gate_at => -5 });
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

ok($c->read_body, "a clean end");
is(ollama()->wait_for(waiting => 1, "end")->{ended}, 0,
   "Ollama has not ended");
like(substr($c->{body}, length $begin), $frame, "the frame");

ollama()->open("end");
ok(ollama()->wait_for(free => 1), "Ollama's connection is kept");
faults();
eventually(sub { records_of($head) }, "its charge comes later");
in_ledger($head, $w, "once");



=== TEST 6: ai_api_settle_timeout: a JSON answer is torn
--- settle
    ai_api_settle_timeout 1s;
--- error_log
was not durable in time
--- steps
key();
play();

my $raw = chunked("HTTP/1.1 200 OK\r\nContent-Type: application/json",
                  $plain->{body});

for my $how ("length", "chunked") {
    ollama()->rules({ path => "/api/chat", $how eq "length"
                      ? (play => $plain->{name}) : (raw => $raw) });
    faults("fdatasync hang");

    my $c = ask("chat", "false");
    my $head = $c->read_head;

    ok(!$c->read_body, "$how: no end");
    is(index($plain->{body}, $c->{body}), 0, "$how: a part of the answer");
    ok(length $c->{body} < length $plain->{body}, "$how: not all of it");

    faults();
    eventually(sub { records_of($head) }, "$how: its charge comes later");
    in_ledger($head, $plain, $how);
}

play();
well_again(3, "the next");



=== TEST 7: ai_api_settle_timeout release: the answer is let go, whole
--- settle
    ai_api_settle_timeout 1s release;
--- error_log
was not durable in time; the answer is let go
--- steps
key();
play();
faults("fdatasync hang");

my $stream = ask("chat", "true");
my $head = $stream->read_head;
ok($stream->read_body, "a stream: a clean end");
is($stream->{body}, $w->{body}, "a stream: byte for byte");

my $json = ask("chat", "false");
my $other = $json->read_head;
ok($json->read_body, "JSON: a clean end");
is($json->{body}, $plain->{body}, "JSON: byte for byte");

faults();
eventually(sub { records_of($head) }, "its charge comes later");
eventually(sub { records_of($other) }, "so does the other one");
in_ledger($head, $w, "once");
in_ledger($other, $plain, "once");
well_again(3, "the next");



=== TEST 8: a full disk, a failing one: paid work is refused until it is over
--- error_log
[crit]
cannot be written
can be written again
--- no_shutdown_error_log
[alert]
[emerg]
--- steps
key();
ledger();

my $records = 0;

for my $fault (["pwrite errno 28", "writev errno 28", "pwritev errno 28"],
               ["pwrite errno 5", "writev errno 5", "pwritev errno 5"],
               ["fdatasync errno 5"], ["fdatasync errno 28"])
{
    my $name = $fault->[0];
    my $failed = said_failed();

    play();
    faults(@$fault);

    my $held = ask("chat", "true");
    my $head = $held->read_head;

    $held->read_until(qr/^\Q$begin\E/);
    commit_failed($failed);

    billing_refused($name);
    others_go_on($name);
    billing_refused($name);
    is(so_far($held), $begin, "$name: the held one waits");
    is(scalar(ledger("?limit=10000")), $records, "$name: no record");

    faults();
    ends_well($held, $head, $w, "$name, over");
    well_again($records += 2, "$name, over");
}



=== TEST 9: a management write to a full disk says so, and leaves nothing
--- steps
key();
faults("pwrite errno 28", "writev errno 28", "pwritev errno 28");

my $r = api("POST", "/api/ai-api/keys", { name => "x" }, jwt("alice"));

refused($r, 503, "BILLING_UNAVAILABLE", "POST /keys");
faults();

my $keys = api("GET", "/api/ai-api/keys", undef, jwt("alice"))->{json}{keys};

is(scalar @$keys, 1, "no key was made");
is(api("POST", "/api/ai-api/keys", { name => "x" }, jwt("alice"))->{status},
   201, "the next one is");



=== TEST 10: a broken commit times out: the charge is made later, once
--- settle
    ai_api_settle_timeout 1s;
--- error_log
[crit]
was not durable in time
can be written again
--- no_shutdown_error_log
[alert]
[emerg]
--- steps
key();
play();
faults("fdatasync errno 5");

my $c = ask("chat", "true");
my $head = $c->read_head;

ok($c->read_body, "a clean end");
like(substr($c->{body}, length $begin), $frame, "the frame");
billing_refused("while it fails");

faults();
eventually(sub { records_of($head) }, "its charge comes later");
in_ledger($head, $w, "once");
wait_for(sub { chat({ model => "llama3", stream => JSON::PP::true,
                      messages => [{ role => "user", content => "x" }] },
                    prefix => "/patient")->{status} == 200 });
well_again(3, "the next");



=== TEST 11: the store breaks: another worker takes the place of this one
--- settle
    ai_api_settle_timeout 1s;
--- error_log
[emerg]
this worker leaves and another one takes its place
was not durable in time
--- no_error_log
exited on signal
--- no_shutdown_error_log
exited on signal
--- steps
key();
play();
ledger();

my (undef, $broken) = nginx_pids(1);

faults("meta errno 5");

my $c = ask("chat", "true");
my $head = $c->read_head;

ok($c->read_body, "a clean end");
like(substr($c->{body}, length $begin), $frame, "the frame");
faults();

eventually(sub {
    my (undef, @workers) = nginx_pids(1);
    return @workers == 1 && $workers[0] != $broken;
}, "another worker");

# the next one may have met the fault, too, and be about to leave
eventually(sub { eval { scalar(() = records_of($head)) } }, "it writes the charge");
in_ledger($head, $w, "once");
well_again(2, "the new one");
