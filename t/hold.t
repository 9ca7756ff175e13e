# The last bytes of an answer wait for its charge: a client that has all of
# it is in the ledger.  The disk hangs (t/lib/faults.c), so that nothing here
# depends on who is faster.

use lib 't/lib';
use AiApi;
use AiApi::Faults;
use AiApi::Running;
use Test::Nginx::Socket 'no_plan';

workers(1);

# longer than any of these tests
add_block_preprocessor(sub {
    running_location($_[0], "ai_api_settle_timeout 50s;");
});


sub free_at_upstream {
    my ($count, $name) = @_;

    ok(ollama()->wait_for(free => $count), $name);
}


run_tests();

__DATA__

=== TEST 1: a stream: everything but the final line comes before the commit
--- steps
key();

for my $name (qw(0.11.4/chat-stream 0.24.0/chat-stream 0.11.4/generate-stream)) {
    my ($route) = $name =~ m{/(\w+)-};
    my $w = recording($name);
    my ($begin) = pieces_of($w);

    for my $cut (qw(lines whole bytes random)) {
        upstream({ path => "/api/$route", play => $name, cut => $cut });
        faults("fdatasync hang");

        my $c = ask($route, "true");
        my $head = $c->read_head;

        $c->read_until(qr/^\Q$begin\E/);
        ollama()->wait_for(ended => 1);
        faulted();

        my $seen = so_far($c);

        is(substr($seen, 0, length $begin), $begin, "$name, $cut: the pieces");
        is(index($w->{body}, $seen), 0, "a part of what Ollama said");

        if ($cut eq "lines" || $cut eq "whole") {
            is($seen, $begin, "nothing of the final line");

        } else {
            unlike($seen, qr/"done":true/, "nothing from \"done\":true on");
        }

        faults();

        ok($c->read_body, "$name, $cut: the answer ends");
        is($c->{body}, $w->{body}, "$name, $cut: byte for byte");
        in_ledger($head, $w, "$name, $cut");
    }
}



=== TEST 2: a JSON answer: no closing brace before the commit
--- steps
key();

for my $name (qw(0.11.4/chat-json 0.24.0/chat-json 0.11.4/generate-json)) {
    my ($route) = $name =~ m{/(\w+)-};
    my $w = recording($name);

    for my $cut (qw(whole bytes random)) {
        upstream({ path => "/api/$route", play => $name, cut => $cut });
        faults("fdatasync hang");

        my $c = ask($route, "false");

        ollama()->wait_for(ended => 1);
        faulted();

        my ($head, $seen) = early($c);

        ok(!$head, "$name, $cut: not a byte") if $cut eq "whole";
        is(index($w->{body}, $seen), 0, "$name, $cut: a part of what Ollama said");
        unlike($seen, qr/"eval_count":\d|\}\z/, "no last count, no last brace");

        faults();

        $head ||= $c->read_head;
        is($head->{status}, 200, "$name, $cut: 200");
        ok($c->read_body, "$name, $cut: the answer ends");
        is($c->{body}, $w->{body}, "$name, $cut: byte for byte");
        in_ledger($head, $w, "$name, $cut");
    }

    # the first bytes of one that comes in parts are there at once
    upstream({ path => "/api/$route", play => $name, cut => "whole",
               gate => $name, gate_at => -200 });

    my $c = ask($route, "false");
    my $head = $c->read_head;

    $c->read_until(qr/"created_at"/);
    ollama()->open($name);

    ok($c->read_body, "$name: the answer ends");
    is($c->{body}, $w->{body}, "$name: byte for byte");
    in_ledger($head, $w, $name);
}



=== TEST 3: an upstream that idles behind its counts delays nobody
--- steps
key();

my $w = recording("0.11.4/chat-stream");

# before the last chunk, before the newline of the final line
for my $at (-5, -8) {
    upstream({ path => "/api/chat", play => $w->{name}, gate => "end$at",
               gate_at => $at });

    my $c = ask("chat", "true");
    my $head = $c->read_head;

    $c->read_until(qr/"done":true.*\}/);
    in_ledger($head, $w, "$at");
    is(ollama()->wait_for(waiting => 1, "end$at")->{ended}, 0,
       "$at: Ollama has not ended");

    ollama()->open("end$at");
    ok($c->read_body, "$at: the answer ends when Ollama's does");
    is($c->{body}, $w->{body}, "$at: byte for byte");
    free_at_upstream(1, "$at: the connection is kept");
}



=== TEST 4: the same with JSON
--- steps
key();

my $w = recording("0.11.4/chat-json");
my $raw = chunked("HTTP/1.1 200 OK\r\nContent-Type: application/json", $w->{body});

upstream({ path => "/api/chat", raw => $raw, gate => "end", gate_at => -7 });

my $c = ask("chat", "false");
my $head = $c->read_head;

$c->read_until(qr/\}\z/);
is($c->{body}, $w->{body}, "all of the object");
in_ledger($head, $w, "chunked JSON");
is(ollama()->wait_for(waiting => 1, "end")->{ended}, 0, "Ollama has not ended");
ollama()->open("end");
ok($c->read_body, "the answer ends");



=== TEST 5: held, and the upstream idles too
--- steps
key();

my $w = recording("0.11.4/chat-stream");
my ($begin) = pieces_of($w);

upstream({ path => "/api/chat", play => $w->{name}, gate => "end",
           gate_at => -5 });
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/^\Q$begin\E/);
ollama()->wait_for(waiting => 1, "end");
faulted();
is(so_far($c), $begin, "the pieces, and no more");

faults();
$c->read_until(qr/"done":true.*\}\n/);
in_ledger($head, $w, "while Ollama idles");

ollama()->open("end");
ok($c->read_body, "the answer ends");
is($c->{body}, $w->{body}, "byte for byte");



=== TEST 6: the client leaves while its last bytes are held
--- steps
my $w = recording("0.11.4/chat-stream");
my ($begin) = pieces_of($w);

key();

for my $gate (undef, -5) {
    for my $leave (qw(close reset)) {
        my $name = ($gate ? "Ollama idles" : "Ollama has ended") . ", $leave";

        upstream({ path => "/api/chat", play => $w->{name},
                   defined $gate ? (gate => "end", gate_at => $gate) : () });
        faults("fdatasync hang");

        my $c = ask("chat", "true");
        my $head = $c->read_head;

        $c->read_until(qr/^\Q$begin\E/);
        ollama()->wait_for($gate ? ("waiting", 1, "end") : ("ended", 1));
        faulted();
        so_far($c);

        $c->$leave;
        is(request("GET", "/api/ai-service/nothing")->{status}, 401,
           "$name: the worker goes on");

        faults();
        ollama()->open("end") if $gate;

        eventually(sub { records_of($head) }, "$name: the record comes");
        in_ledger($head, $w, $name);
        free_at_upstream(1, "$name: Ollama's connection is kept");
    }
}

# JSON: not even its head is there
my $plain = recording("0.11.4/chat-json");

for my $leave (qw(close reset)) {
    my %known = map { $_->{requestId} => 1 } ledger();

    upstream({ path => "/api/chat", play => $plain->{name}, cut => "whole" });
    faults("fdatasync hang");

    my $c = ask("chat", "false");

    ollama()->wait_for(ended => 1);
    faulted();
    is((early($c))[0], undef, "JSON, $leave: nothing yet");

    $c->$leave;
    is(request("GET", "/api/ai-service/nothing")->{status}, 401,
       "JSON, $leave: the worker goes on");
    faults();

    my @new;

    eventually(sub { @new = grep { !$known{$_->{requestId}} } ledger() },
               "JSON, $leave: the record comes");
    in_ledger({ headers => { "x-request-id" => $new[0]{requestId} } }, $plain,
              "JSON, $leave");
}

upstream({ path => "/api/chat", play => $w->{name} });

my $c = ask("chat", "true");
$c->read_head;
ok($c->read_body, "the next request");
is($c->{body}, $w->{body}, "has all of its answer");



=== TEST 7: the next request on the same connection waits for the held one
--- steps
my $w = recording("0.11.4/chat-stream");
my $plain = recording("0.11.4/chat-json");
my ($begin) = pieces_of($w);

key();
upstream({ path => "/api/chat", play => $plain->{name},
           contains => '"stream":false' },
         { path => "/api/chat", play => $w->{name} });
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/^\Q$begin\E/);
faulted();
send_question($c, "chat", "false");
is(so_far($c), $begin, "the second has no answer yet");
is(sent_count(), 1, "nor is it with Ollama");

faults();
ok($c->read_body, "the first ends");
is($c->{body}, $w->{body}, "byte for byte");
in_ledger($head, $w, "the first");

my $second = $c->read_head;

ok($c->read_body, "the second ends");
is($c->{body}, $plain->{body}, "byte for byte");
in_ledger($second, $plain, "the second");



=== TEST 8: many at once
--- steps
key();

my $w = recording("0.11.4/chat-stream");

upstream({ path => "/api/chat", play => $w->{name} });
faults("fdatasync hang");

my @clients = map { ask("chat", "true") } 1 .. 20;
my @heads = map { $_->read_head } @clients;

ollama()->wait_for(ended => 20);
faulted();
unlike(so_far($_), qr/"done":true/, "one of them") for @clients;

faults();

for my $i (0 .. $#clients) {
    ok($clients[$i]->read_body, "$i ends");
    is($clients[$i]{body}, $w->{body}, "$i: byte for byte");
    in_ledger($heads[$i], $w, $i);
}

is(scalar(my @all = ledger()), 20, "no record more");



=== TEST 9: a key is shown when it is kept, not before
--- steps
ledger();
key();
faults("fdatasync hang");

my $c = client();

$c->send_request("POST", "/api/ai-api/keys", '{"name":"x"}',
                 Authorization => "Bearer " . jwt("alice"));
faulted();
is(request("GET", "/api/ai-service/nothing")->{status}, 401, "the worker answers");
ok($c->silent(0), "no key yet");

faults();

my $r = $c->read_answer;

is($r->{status}, 201, "then one");
is(api("GET", "/api/ai-service/usage", undef, from_json($r->{body})->{key})
   ->{status}, 200, "that works");
