# What a hostile client or a broken Ollama tries: each block was a mistake once.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question $yes $no $piece $final $head);

$yes = JSON::PP::true;
$no = JSON::PP::false;
%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);

$piece = '{"message":{"role":"assistant","content":"abc"},"done":false}' . "\n";
$final = '{"done":true,"prompt_eval_count":5,"eval_count":1}' . "\n";
$head = "HTTP/1.1 200 OK\r\nContent-Type: application/%s\r\n%s\r\n";


sub answer {
    my ($type, $header, $body) = @_;

    upstream({ raw => sprintf($head, $type, $header) . $body, stop_after => 1 << 30 });
}


# The same, with a connection that is there for the next request.

sub answer_and_stay {
    my ($type, $body) = @_;

    upstream({ raw => sprintf($head, $type, "Content-Length: " . length($body) . "\r\n")
                      . $body });
}


sub start {
    my (%options) = @_;

    my $c = client();

    $c->send_request("POST", "/api/ai-service/chat", json({ %question, %options }),
                     "X-API-Key" => key());

    return $c;
}


# The most memory that the one worker had, in KiB.

sub memory {
    my (undef, $pid) = nginx_pids();

    open my $in, "<", "/proc/$pid/status" or die "$!\n";

    return join("", <$in>) =~ /^VmHWM:\s+(\d+)/m ? $1 : die "no VmHWM\n";
}


# ... when it has answered everything but what a test is about.

sub usual_memory {
    for my $stream ($yes, $no) {
        answer_and_stay("x-ndjson", $piece . $final);
        chat({ %question, stream => $stream });
        generate({ model => "llama3", prompt => "x", stream => $stream });
    }

    return memory();
}


add_block_preprocessor(sub {
    my ($block) = @_;

    workers(defined $block->one_worker ? 1 : 2);
});

run_tests();

__DATA__

=== TEST 1: cut: the worker lives, and the work is charged
--- http_config
    ai_api_abort cut;
--- steps
my @pids = nginx_pids();

for my $stream ($yes, $no) {
    for my $gate_at (0, 330) {
        my $lsn = last_lsn();
        my $name = "stream $stream, at $gate_at";

        upstream({ play => $stream ? "0.24.0/chat-stream" : "0.24.0/chat-json",
                   cut => "bytes", gate => "g", gate_at => $gate_at });

        my $c = start(stream => $stream);

        ollama()->wait_for(waiting => 1, "g");
        $c->close;
        ollama()->wait_for(closed => 1);

        my ($record, @more) = records_after($lsn, 1);

        is($record->{status}, "client_abort", "$name: status");
        is(@more, 0, "$name: one record");

        if ($stream && $gate_at == 0) {
            is($record->{cost}, "0", "$name: nothing was said");

        } else {
            cmp_ok($record->{promptTokens}, ">=", 1, "$name: prompt");
            cmp_ok($record->{completionTokens}, ">=", 1, "$name: completion");
        }
    }
}

is_deeply([nginx_pids()], \@pids, "the same workers");



=== TEST 2: drain for a while: the same
--- http_config
    ai_api_abort drain 200ms;
--- upstream
{ play => "0.24.0/chat-json", gate => "g" }
--- steps
my @pids = nginx_pids();
my $c = start(stream => $no);

ollama()->wait_for(waiting => 1, "g");
$c->close;
ollama()->wait_for(closed => 1);

my ($record) = records_after(0, 1);

is($record->{status}, "client_abort", "status");
cmp_ok($record->{promptTokens}, ">=", 1, "prompt");
is_deeply([nginx_pids()], \@pids, "the same workers");



=== TEST 3: a byte behind the request does not hide that the client left
--- http_config
    ai_api_abort cut;
--- upstream
{ play => "0.24.0/chat-json", gate => "g" }
--- steps
my $c = start(stream => $no);

$c->write("\r\n");
ollama()->wait_for(waiting => 1, "g");
$c->close;
ollama()->wait_for(closed => 1);

my ($record) = records_after(0, 1);

is($record->{status}, "client_abort", "status");



=== TEST 4: chunks that are none
--- error_log
upstream sent invalid chunked response
--- steps
my $chunk = sprintf "%x\r\n%s\r\n", length $piece, $piece;

answer("x-ndjson", "Transfer-Encoding: chunked\r\n", $chunk . "zz\r\n");

my $r = chat({ %question, stream => $yes });

like($r->{body}, qr/\A\Q$piece\E\{"error":"[^"]+","code":"AI_SERVICE_ERROR"\}\n\z/,
     "a stream ends with the error");
is($r->{complete}, 1, "and has an end");
charged($r, { status => "upstream_error", completionTokens => 1 }, "stream");

answer("json", "Transfer-Encoding: chunked\r\n", "ffffffffffffffffffff\r\n{}");
$r = chat(\%question);

isnt($r->{complete}, 1, "a JSON answer has none");
charged($r, { status => "upstream_error", cost => "0" }, "JSON");



=== TEST 5: a stream shorter than its Content-Length
--- error_log
upstream prematurely closed connection
--- steps
for my $length (length($piece) + 10, length($piece) + 1000) {
    answer("x-ndjson", "Content-Length: $length\r\n", $piece);

    my $r = chat({ %question, stream => $yes });

    is($r->{headers}{"content-length"}, undef, "the error frame has room");
    like($r->{body}, qr/\A\Q$piece\E\{"error".+"AI_SERVICE_ERROR"\}\n\z/, "and is there");
    is($r->{complete}, 1, "whole");
}



=== TEST 6: long refusals
--- steps
for my $size (20000, 60000, 200000) {
    my $body = json({ error => "x" x $size });

    upstream({ raw => "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
                      . "Content-Length: " . length($body) . "\r\n\r\n$body" });

    my $r = chat(\%question);

    is($r->{status}, 404, "$size: status");
    is($r->{json}{code}, "AI_SERVICE_ERROR", "$size: code");
    is($r->{json}{error}, "x" x $size, "$size: Ollama's own message") if $size < 65000;
    charged($r, { status => "upstream_error", httpStatus => 404, cost => "0" }, "$size bytes");
}



=== TEST 7: an encoded answer is none
--- error_log
upstream sent an encoded response
--- steps
answer("json", "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}");
refused(chat(\%question), 502, "AI_SERVICE_ERROR", "gzip");



=== TEST 8: a body that nginx gives up
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        client_max_body_size 10k;
    }

    location /api/ai-api/ {
        ai_api_manage;
        client_max_body_size 10k;
    }
--- error_log
client sent invalid chunked body
--- steps
my %bodies = (413 => sprintf("%x\r\n%s\r\n", 20000, "x" x 20000), 400 => "zz\r\n");
my %codes = (413 => "PAYLOAD_TOO_LARGE", 400 => "INVALID_REQUEST");

for my $path ("/api/ai-service/chat", "/api/ai-api/keys") {
    for my $status (413, 400) {
        for my $wait (0, 1) {
            my $c = client();
            my $body = $bodies{$status};

            $c->send_request("POST", $path, $wait ? "" : $body,
                             "Transfer-Encoding" => "chunked",
                             $path =~ /service/
                             ? ("X-API-Key" => key())
                             : (Authorization => "Bearer " . jwt("alice")));

            if ($wait) {
                select undef, undef, undef, 0.1;
                $c->write($body);
            }

            my $r = $c->read_answer;
            $r->{json} = eval { from_json($r->{body}) };

            is($r->{status}, $status, "$path, $status, $wait: status");
            is($r->{json}{code}, $codes{$status}, "$path, $status, $wait: code");
        }
    }
}



=== TEST 9: management: no JWT in X-API-Key, no 412 for what is done
--- steps
my $k = create_key(name => "victim");

refused(request("GET", "/api/ai-api/keys", undef, "X-API-Key" => jwt("alice")), 401,
        "AUTHENTICATION_ERROR", "X-API-Key");

my $r = api("DELETE", "/api/ai-api/keys/$k->{id}", undef, jwt("alice"), "If-Match" => '"x"');

is($r->{status}, 200, "If-Match");
is($r->{json}{deleted}, $yes, "deleted");
is(api("GET", "/api/ai-api/keys", undef, jwt("alice"), "If-None-Match" => "*")->{status},
   200, "If-None-Match");



=== TEST 10: HEAD of a list that is rewritten has no body
--- upstream
{ path => "/api/tags", play => "0.24.0/tags" }
--- steps
my $c = client();

for (1 .. 2) {
    $c->send_request("HEAD", "/api/ai-service/models", undef, "X-API-Key" => key());
}

for (1 .. 2) {
    my $r = $c->read_answer;

    is($r->{status}, 200, "status");
    cmp_ok($r->{headers}{"content-length"}, ">", 100, "the length of GET's");
}



=== TEST 11: error_page with "=" keeps our status
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        error_page 401 403 = /error;
    }

    location = /error {
        internal;
        ai_api_error;
    }
--- steps
refused(request("GET", "/api/ai-service/models"), 401, "MISSING_API_KEY", "no key");



=== TEST 12: a final line of megabytes takes no memory
--- one_worker
--- steps
my $before = usual_memory();
my $long = '{"response":"","done":true,"context":[1' . ",1234567" x (1 << 20) . "],"
           . '"prompt_eval_count":5,"eval_count":1}' . "\n";
my $first = '{"response":"abc","done":false}' . "\n";

answer_and_stay("x-ndjson", $first . $long);

my $r = generate({ model => "llama3", prompt => "x" });

$r = generate({ model => "llama3", prompt => "x", stream => $yes });
is(length $r->{body}, length($first . $long), "it comes whole");
charged($r, { status => "ok", promptTokens => 5, completionTokens => 1 }, "and is read");
cmp_ok(memory() - $before, "<", 4096, "KiB");



=== TEST 13: bytes behind the final counts take none either
--- one_worker
--- steps
my $before = usual_memory();
my $space = sprintf("%x\r\n%s\r\n", 1 << 20, " " x (1 << 20)) x 8;

upstream({ raw => sprintf($head, "x-ndjson", "Transfer-Encoding: chunked\r\n")
                  . sprintf("%x\r\n%s\r\n", length $final, $final) . $space . "0\r\n\r\n",
           gate => "g", gate_at => 400 });

my $c = start(stream => $yes);
my $r = $c->read_head;

$c->read_until(qr/"done":true/);
ollama()->open("g");
is($c->read_body, 1, "to the end");
charged($r, { status => "ok", promptTokens => 5 }, "the counts stand");
cmp_ok(memory() - $before, "<", 4096, "KiB");
