# When Ollama is not there, dies, refuses, or says what nobody understands:
# the right code for the client, the right record, and every worker lives.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question $stream);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);
$stream = JSON::PP::true;

# nobody listens there
$ENV{TEST_NGINX_OWN_PORT} = AiApi::Setup::free_port();


# Sets the upstream's answer, asks, and looks after the workers.

sub ask {
    my ($rule, %more) = @_;

    upstream($rule);

    my @before = nginx_pids();
    my $r = chat({ %question, %more });

    is_deeply([nginx_pids()], \@before, "the same workers");

    return $r;
}


sub lines {
    my ($r) = @_;

    return split /\n/, $r->{body};
}


run_tests();

__DATA__

=== TEST 1: Ollama is not running
--- http_config
    upstream nobody {
        server 127.0.0.1:$TEST_NGINX_OWN_PORT;
        keepalive 4;
    }
--- config
    location /api/ai-service/ {
        ai_api_pass http://nobody;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- error_log
connect() failed
--- steps
my @before = nginx_pids();

for my $more ({}, { stream => $stream }) {
    refused(chat({ %question, %$more }), 503, "OLLAMA_CONNECTION_ERROR", "/chat");
    refused(chat({ %question, %$more }, "Accept-Language" => "en"), 503,
            "OLLAMA_CONNECTION_ERROR", "in English", qr/^[ -~]+$/);
}

refused(request("POST", "/api/ai-service/api/chat", json(\%question),
                "X-API-Key" => key()), 503, "OLLAMA_CONNECTION_ERROR", "/api/chat");
refused(request("GET", "/api/ai-service/models", undef, "X-API-Key" => key()), 503,
        "OLLAMA_CONNECTION_ERROR", "/models");

no_record(0, "no record: nothing was delivered");
is_deeply([nginx_pids()], \@before, "the same workers");



=== TEST 2: it dies before the first byte
--- error_log
upstream prematurely closed
--- steps
for my $stop ("close", "rst") {
    for my $more ({}, { stream => $stream }) {
        my $r = ask({ play => "0.24.0/chat-json", stop_after => 0, stop => $stop }, %$more);

        if ($r->{status} == 503) {
            refused($r, 503, "OLLAMA_CONNECTION_ERROR", $stop);

        } else {
            refused($r, 502, "AI_SERVICE_ERROR", $stop);
        }

        charged($r, { kind => "charge", status => "upstream_error", promptTokens => 0,
                      completionTokens => 0, cost => "0" }, "a record without a cost");
        is(sent_count(), 1, "never sent twice");
    }
}



=== TEST 3: it dies within the head
--- error_log
upstream prematurely closed
--- steps
for my $n (1, 12, 40) {
    my $r = ask({ play => "0.24.0/chat-json", stop_after => $n });

    like("$r->{status} $r->{json}{code}",
         qr/^(?:503 OLLAMA_CONNECTION_ERROR|502 AI_SERVICE_ERROR)$/, "after $n bytes");
    charged($r, { status => "upstream_error", cost => "0" }, "the record");
}



=== TEST 4: it dies in mid-stream
--- error_log
upstream
--- steps
for my $stop ("close", "rst") {
    for my $n (300, 1000, 2500) {
        my $r = ask({ play => "0.24.0/chat-stream", stop_after => $n, stop => $stop,
                      cut => "lines" }, stream => $stream);
        my @lines = lines($r);
        my $last = from_json(pop @lines);
        my $pieces = grep { /"done":false}$/ } @lines;

        is($r->{status}, 200, "$stop after $n bytes");
        is($r->{complete}, 1, "ends as a stream ends");
        is_deeply($last, { error => zh_text("AI_SERVICE_ERROR"),
                           code => "AI_SERVICE_ERROR" }, "an error as the last line");
        ok(index(recording("0.24.0/chat-stream")->{body}, join("\n", @lines)) == 0,
           "after what came");

        my $record = charged($r, { status => "upstream_error", httpStatus => 200,
                                   estimated => JSON::PP::true,
                                   estimatedCompletion => JSON::PP::true,
                                   estimatedPrompt => JSON::PP::true }, "the record");

        cmp_ok($record->{completionTokens}, ">=", $pieces, "at least the pieces");
        cmp_ok($record->{promptTokens}, ">=", 1, "and a prompt");
    }
}



=== TEST 5: it breaks off behind the counts
--- error_log
upstream
--- steps
my $w = recording("0.24.0/chat-stream");
my $r = ask({ play => "0.24.0/chat-stream", stop_after => -5 }, stream => $stream);

ok(index($r->{body}, $w->{body}) == 0, "all that came");
charged($r, { promptTokens => 15, completionTokens => 24, cost => "0.000117",
              estimated => JSON::PP::false }, "the counts are exact");



=== TEST 6: a JSON answer breaks off
--- error_log
upstream prematurely closed
--- steps
for my $n (200, -10, -1) {
    my $r = ask({ play => "0.24.0/chat-json", stop_after => $n });

    is($r->{status}, 200, "after $n bytes");
    ok(!$r->{complete}, "is torn");
    ok(index(recording("0.24.0/chat-json")->{body}, $r->{body}) == 0, "nothing is added");
    charged($r, { status => "upstream_error" }, "the record");
}



=== TEST 7: time-out before the first byte
--- http_config
    ai_api_read_timeout 300ms;
--- error_log
upstream timed out
--- steps
for my $more ({}, { stream => $stream }) {
    my $r = ask({ play => "0.24.0/chat-json", stop_after => 0, stop => "hang" }, %$more);

    refused($r, 504, "OLLAMA_CONNECTION_ERROR", "nothing");
    charged($r, { status => "upstream_error", cost => "0" }, "the record");
    is(ollama()->wait_for(received => 1)->{received}, 1, "sent once");
}



=== TEST 8: time-out in mid-stream
--- http_config
    ai_api_read_timeout 300ms;
--- error_log
upstream timed out
--- steps
my $r;

# an Ollama that is late with its head is that of the test before
for (1 .. 50) {
    $r = ask({ play => "0.24.0/chat-stream", stop_after => 1000, stop => "hang" },
             stream => $stream);
    last if $r->{status} != 504;
}

my @lines = lines($r);

is("$r->{status} $r->{complete}", "200 1", "a stream with an end");
is_deeply(from_json(pop @lines), { error => zh_text("AI_SERVICE_ERROR"),
                                   code => "AI_SERVICE_ERROR" }, "an error");
charged($r, { status => "upstream_error", estimated => JSON::PP::true }, "the record");



=== TEST 9: its own refusals
--- steps
for my $case ([400, "invalid options: x"], [404, "model 'x' not found"],
              [413, "too large"], [422, "x \x{4e2d}\x{6587} <b> \"q\""], [429, "slow down"])
{
    my ($status, $text) = @$case;
    my $r = ask({ raw => http_answer($status, json({ error => $text })) });

    refused($r, $status, "AI_SERVICE_ERROR", "$status", $text);
    charged($r, { httpStatus => $status, promptTokens => 0, completionTokens => 0,
                  cost => "0", model => "llama3:latest" }, "the record");
}



=== TEST 10: its own errors
--- steps
for my $case ([500, 502], [502, 502], [503, 503], [504, 502], [499, 502], [401, 502],
              [507, 502])
{
    my ($theirs, $ours) = @$case;
    my $r = ask({ raw => http_answer($theirs, '{"error":"internal: /root/secret"}',
                                     "WWW-Authenticate" => "Basic realm=x") });

    refused($r, $ours, "AI_SERVICE_ERROR", "$theirs becomes $ours");
    is($r->{headers}{"retry-after"}, $theirs == 503 ? 1 : undef, "Retry-After");
    charged($r, { status => "upstream_error", cost => "0" }, "the record");
}



=== TEST 11: refusals that are no JSON
--- steps
for my $body ("404 page not found", "", "{", '{"error":5}', '{"message":"x"}', "null",
              '{"error":"a\u0000b"}', "{\"error\":\"\xff\"}")
{
    my $r = ask({ raw => http_answer(404, $body, "Content-Type" => "text/plain") });

    is($r->{status}, 404, "404 with $body");
    is($r->{json}{code}, "AI_SERVICE_ERROR", "the code");
    ok(defined $r->{json}{error} && !ref $r->{json}{error}, "a text");
}

my $r = ask({ raw => http_answer(400, '{"error":"' . "x" x 200000 . '"}') });

is("$r->{status} $r->{json}{code}", "400 AI_SERVICE_ERROR", "a long text");

$r = ask({ raw => chunked("HTTP/1.1 400 Bad\r\nContent-Type: application/json",
                          '{"error":"bo', 'om"}'), cut => "bytes" });
refused($r, 400, "AI_SERVICE_ERROR", "in chunks, byte by byte", "boom");



=== TEST 12: an answer that is no HTTP
--- error_log
upstream sent
--- steps
for my $raw ("garbage\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nbad\x00:\r\n",
             "\x16\x03\x01\x02\x00", "x" x 100000,
             "HTTP/1.1 200 OK\r\nX: " . "x" x 100000 . "\r\n\r\n")
{
    my $r = ask({ raw => $raw, stop_after => length $raw });

    refused($r, 502, "AI_SERVICE_ERROR", substr $raw, 0, 30);
    charged($r, { status => "upstream_error", cost => "0" }, "the record");
}



=== TEST 13: 200 of another type
--- error_log eval
qr/./
--- steps
for my $type ("text/html", "application/octet-stream", "image/png", undef) {
    for my $more ({}, { stream => $stream }) {
        my $r = ask({ raw => http_answer(200, "<html>hello</html>",
                                         "Content-Type" => $type) }, %$more);

        refused($r, 502, "AI_SERVICE_ERROR", defined $type ? $type : "no type");
        charged($r, { status => "upstream_error" }, "the record");
    }
}
--- upstream
{}



=== TEST 14: rubbish as JSON
--- error_log eval
qr/./
--- steps
for my $body ("hello", "[]", "{", "", '{"done":true', "null", "5", "{]", "[1,2]") {
    my $r = ask({ raw => http_answer(200, $body) });

    is($r->{status}, 200, "passes: $body");
    is($r->{body}, $body, "as it is");
    charged($r, { status => "upstream_error" }, "the record");
}



=== TEST 15: chunks that are no chunks
--- error_log
upstream sent invalid chunked response
--- steps
my $line = '{"model":"llama3","message":{"role":"assistant","content":"x"},"done":false}'
    . "\n";
my $raw = chunked("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson", $line);

for my $bad ("zz\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "\r\n") {
    (my $broken = $raw) =~ s/0\r\n\r\n\z/$bad/;

    my $r = ask({ raw => $broken }, stream => $stream);
    my @lines = lines($r);

    is("$r->{status} $r->{complete}", "200 1", "a stream with an end");
    is_deeply(from_json($lines[-1]), { error => zh_text("AI_SERVICE_ERROR"),
                                       code => "AI_SERVICE_ERROR" }, "an error");
    is("$lines[0]\n", $line, "after the line that came");
    charged($r, { status => "upstream_error", estimated => JSON::PP::true }, "the record");
}



=== TEST 16: an error line of Ollama is passed as it is
--- steps
my $line = '{"model":"llama3","message":{"role":"assistant","content":"x"},"done":false}';
my $error = '{"error":"an error was encountered while running the model"}';
my $r = ask({ raw => chunked("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson",
                             "$line\n", "$error\n") }, stream => $stream);

is("$r->{status} $r->{body}", "200 $line\n$error\n", "the same bytes");
is($r->{complete}, 1, "and the end");

my $record = charged($r, { status => "upstream_error", estimated => JSON::PP::true },
                     "the record");
cmp_ok($record->{completionTokens}, ">=", 1, "the piece is charged");



=== TEST 17: an error line before any piece
--- steps
my $r = ask({ raw => chunked("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson",
                             "{\"error\":\"boom\"}\n") }, stream => $stream);

is("$r->{status} $r->{body}", "200 {\"error\":\"boom\"}\n", "is passed");
charged($r, { status => "upstream_error", promptTokens => 0, completionTokens => 0,
              cost => "0" }, "and costs nothing");



=== TEST 18: a stream that just ends
--- steps
my @lines = map { '{"model":"llama3","message":{"role":"assistant","content":"x"},"done":'
                  . "false}\n" } 1 .. 5;
my $r = ask({ raw => chunked("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson",
                             @lines) }, stream => $stream);

is("$r->{status} $r->{complete}", "200 1", "passes");
ok(index($r->{body}, join "", @lines) == 0, "its lines");

my $record = charged($r, { estimated => JSON::PP::true, estimatedCompletion =>
                           JSON::PP::true }, "the record");
cmp_ok($record->{completionTokens}, ">=", 5, "the pieces are charged");



=== TEST 19: an answer of no length, ended by the connection
--- error_log eval
qr/./
--- steps
my $w = recording("0.24.0/chat-json");
my $r = ask({ raw => "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n$w->{body}",
              stop_after => 100000 });

is($r->{status}, 200, "passes");
is($r->{body}, $w->{body}, "as it is");
charged($r, { promptTokens => 15, completionTokens => 24 }, "the counts are there");



=== TEST 20: 1xx, 204, 3xx
--- error_log eval
qr/./
--- steps
for my $status (204, 301, 302, 304) {
    my $r = ask({ raw => "HTTP/1.1 $status X\r\nLocation: http://x/\r\nContent-Length: 0"
                  . "\r\n\r\n" });

    refused($r, 502, "AI_SERVICE_ERROR", $status);
    is($r->{headers}{location}, undef, "no Location");
}



=== TEST 21: it recovers
--- error_log
upstream
--- steps
my $r = ask({ play => "0.24.0/chat-stream", stop_after => 500 }, stream => $stream);

is($r->{status}, 200, "one that breaks off");

for (1 .. 5) {
    $r = ask({ play => "0.24.0/chat-stream" }, stream => $stream);
    ok($r->{body} eq recording("0.24.0/chat-stream")->{body}, "and whole ones");
}

is(scalar(my @records = ledger()), 6, "six records");



=== TEST 22: GET routes
--- error_log
upstream
--- steps
for my $path (qw(models api/tags api/version)) {
    my $get = sub { request("GET", "/api/ai-service/$path", undef, "X-API-Key" => key()) };

    upstream({ raw => http_answer(500, '{"error":"x"}') });
    refused($get->(), 502, "AI_SERVICE_ERROR", "$path, 500");

    upstream({ raw => http_answer(503, '{"error":"busy"}') });
    refused($get->(), 503, "AI_SERVICE_ERROR", "$path, 503");
}

upstream({ raw => http_answer(200, "rubbish") });
refused(request("GET", "/api/ai-service/models", undef, "X-API-Key" => key()), 502,
        "AI_SERVICE_ERROR", "/models, which has to be understood");

upstream({ raw => "garbage" , stop_after => 7 });
is(request("GET", "/api/ai-service/api/version", undef, "X-API-Key" => key())->{status},
   502, "no HTTP");

no_record(0, "no records");
