# The last bytes of an answer wait for its charge: a client that has all of
# it is in the ledger.  The disk hangs (t/lib/faults.c), so that nothing here
# depends on who is faster.

use lib 't/lib';
use AiApi;
use AiApi::Faults;
use Test::Nginx::Socket 'no_plan';

use vars qw($wait %question);

workers(1);

# longer than any of these tests
$wait = "ai_api_settle_timeout 50s;";
%question = (chat => { messages => [{ role => "user", content => "x" }] },
             generate => { prompt => "x" });

add_block_preprocessor(sub {
    my ($block) = @_;

    my $more = defined $block->locations ? $block->locations : "";

    $block->set_value("config", <<"EOC");
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        $wait
        $more
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
EOC
});


# A request under way: its head has come, what came of the body is so_far().

sub ask {
    my ($route, $stream, @headers) = @_;

    my $c = client();

    send_question($c, $route, $stream, @headers);

    return $c;
}


sub send_question {
    my ($c, $route, $stream, @headers) = @_;

    $c->send_request("POST", "/api/ai-service/$route",
                     json({ model => "llama3", %{ $question{$route} },
                            stream => JSON::PP->can($stream)->() }),
                     "X-API-Key" => key(), @headers);
}


# All that the worker had to send: it has answered to someone else since.

sub so_far {
    my ($c) = @_;

    is(request("GET", "/api/ai-service/nothing")->{status}, 401,
       "the worker answers");

    while (IO::Select->new($c->{socket})->can_read(0)) {
        last if !$c->fill;
    }

    $c->read_body(sub { 1 });

    return $c->{body};
}


# The record is there at once, not later.

sub in_ledger {
    my ($head, $w, $name) = @_;

    my $id = $head->{headers}{"x-request-id"};
    my @found = grep { $_->{requestId} eq $id } ledger("?limit=1000");

    is(scalar @found, 1, "$name: one record");
    is(join(" ", @{ $found[0] }{qw(promptTokens completionTokens cost status)}),
       "$w->{prompt} $w->{completion} $w->{cost} ok", "$name: its counts");
}


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
    my ($begin, $final) = $w->{body} =~ /^(.*\n)(\{.*\}\n)\z/s;

    for my $cut (qw(lines whole bytes random)) {
        upstream({ path => "/api/$route", play => $name, cut => $cut });
        faults("fdatasync hang");

        my $c = ask($route, "true");
        my $head = $c->read_head;

        $c->read_until(qr/^\Q$begin\E/);
        ollama()->wait_for(ended => 1);
        faulted("fdatasync");

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
        my $head = $c->read_head;

        ollama()->wait_for(ended => 1);
        faulted("fdatasync");

        my $seen = so_far($c);

        is($head->{status}, 200, "$name, $cut: 200");
        is(index($w->{body}, $seen), 0, "a part of what Ollama said");
        unlike($seen, qr/"eval_count":\d|\}\z/, "no last count, no last brace");

        faults();

        ok($c->read_body, "$name, $cut: the answer ends");
        is($c->{body}, $w->{body}, "$name, $cut: byte for byte");
        in_ledger($head, $w, "$name, $cut");
    }
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
my ($begin) = $w->{body} =~ /^(.*\n)\{.*\}\n\z/s;

upstream({ path => "/api/chat", play => $w->{name}, gate => "end",
           gate_at => -5 });
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

ollama()->wait_for(waiting => 1, "end");
faulted("fdatasync");
is(so_far($c), $begin, "the pieces");

faults();
$c->read_until(qr/"done":true.*\}\n/);
in_ledger($head, $w, "while Ollama idles");

ollama()->open("end");
ok($c->read_body, "the answer ends");
is($c->{body}, $w->{body}, "byte for byte");



=== TEST 6: the client leaves while its last bytes are held
--- steps
my $w = recording("0.11.4/chat-stream");
my ($begin) = $w->{body} =~ /^(.*\n)\{.*\}\n\z/s;

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
        faulted("fdatasync");
        so_far($c);

        $c->$leave;
        is(request("GET", "/api/ai-service/nothing")->{status}, 401,
           "$name: the worker goes on");

        faults();
        ollama()->open("end") if $gate;

        my $id = $head->{headers}{"x-request-id"};
        my @found;

        eventually(sub {
            @found = grep { $_->{requestId} eq $id } ledger("?limit=1000");
        }, "$name: the record comes");
        is(scalar @found, 1, "once");
        is($found[0]{status}, "ok", "all of it was counted");
        is("$found[0]{promptTokens} $found[0]{completionTokens}",
           "$w->{prompt} $w->{completion}", "exactly");

        free_at_upstream(1, "$name: Ollama's connection is kept");
    }
}

upstream({ path => "/api/chat", play => $w->{name} });

my $c = ask("chat", "true");
$c->read_head;
ok($c->read_body, "the next request");
is($c->{body}, $w->{body}, "has all of its answer");



=== TEST 7: the next request on the same connection waits for the held one
--- steps
my $w = recording("0.11.4/chat-stream");
my $json = recording("0.11.4/chat-json");
my ($begin) = $w->{body} =~ /^(.*\n)\{.*\}\n\z/s;

key();
upstream({ path => "/api/chat", play => $json->{name}, contains => '"stream":false' },
         { path => "/api/chat", play => $w->{name} });
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/^\Q$begin\E/);
faulted("fdatasync");
send_question($c, "chat", "false");
is(so_far($c), $begin, "the second has no answer yet");
is(scalar(my @sent = sent_upstream()), 1, "nor is it with Ollama");

faults();
ok($c->read_body, "the first ends");
is($c->{body}, $w->{body}, "byte for byte");
in_ledger($head, $w, "the first");

my $second = $c->read_head;

ok($c->read_body, "the second ends");
is($c->{body}, $json->{body}, "byte for byte");
in_ledger($second, $json, "the second");



=== TEST 8: many at once, one commit
--- steps
key();

my $w = recording("0.11.4/chat-stream");

upstream({ path => "/api/chat", play => $w->{name} });
faults("fdatasync hang");

my @clients = map { ask("chat", "true") } 1 .. 20;
my @heads = map { $_->read_head } @clients;

ollama()->wait_for(ended => 20);
faulted("fdatasync");
unlike(so_far($_), qr/"done":true/, "one of them") for @clients;

faults();

for my $i (0 .. $#clients) {
    ok($clients[$i]->read_body, "$i ends");
    is($clients[$i]{body}, $w->{body}, "$i: byte for byte");
    in_ledger($heads[$i], $w, $i);
}

is(scalar(ledger("?limit=1000")), 20, "no record more");
