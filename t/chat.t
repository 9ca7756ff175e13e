# POST /chat and /api/chat: recorded answers of a real Ollama, whole and in
# pieces, reach the client byte for byte, and are charged to the token.

use lib 't/lib';
use AiApi;
use AiApi::Replay;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);

run_tests();

__DATA__

=== TEST 1: every recorded answer, whole
--- steps
replay("chat", $_, cut => "whole") for recordings(qr{/chat-(?!bad|empty|no|un)});
replay("api/chat", $_, cut => "whole") for recordings(qr{/chat-unicode});



=== TEST 2: cut at every line
--- steps
replay("chat", $_, cut => "lines") for recordings(qr{/chat-(?!bad|empty|no|un)});
replay("api/chat", $_, cut => "lines") for recordings(qr{/chat-unicode});



=== TEST 3: byte by byte
--- steps
replay("api/chat", $_, cut => "bytes")
    for recordings(qr{/chat-(?:stream|json|unicode|format-json)$});



=== TEST 4: cut as the reads of the recording were
--- steps
for my $name (recordings(qr{/chat-(?:stream|json|unicode|cached-prompt-again)$})) {
    replay("api/chat", $name, cut => reads($name));
}



=== TEST 5: random cuts
--- steps
for my $name (recordings(qr{/chat-(?:stream|json|unicode|stream-stop)$})) {
    replay("api/chat", $name, cut => "random", seed => $_) for 1 .. 4;
}



=== TEST 6: small buffers
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_buffer_size 1k;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
for my $name (recordings(qr{/chat-(?:stream|json|unicode|stream-stop)$})) {
    replay("api/chat", $name, cut => "whole");
    replay("api/chat", $name, cut => "random", seed => 5);
}



=== TEST 7: shapes of newer versions
--- steps
replay_shape("api/chat", "/api/chat", $_, "ok", promptTokens => 26,
             completionTokens => 3, estimated => JSON::PP::false) for "true", "false";
replay_shape("api/chat", "/api/chat", $_, "think", promptTokens => 11,
             completionTokens => 5, estimated => JSON::PP::false) for "true", "false";

# the arguments of the tool call hold counts of zero
replay_shape("api/chat", "/api/chat", $_, "tool", promptTokens => 169,
             completionTokens => 15, estimated => JSON::PP::false) for "true", "false";

# no piece and no count: nothing was generated; a prompt is never free
for my $stream ("true", "false") {
    my $record = replay_shape("api/chat", "/api/chat", $stream, "zero",
                              completionTokens => 0, estimated => JSON::PP::true,
                              estimatedPrompt => JSON::PP::true,
                              estimatedCompletion => JSON::PP::false);

    cmp_ok($record->{promptTokens}, ">=", 1, "at least one token of the prompt");
}

# a stream without its end: two pieces passed
my $record = replay_shape("api/chat", "/api/chat", "true", "nodone",
                          estimated => JSON::PP::true,
                          estimatedCompletion => JSON::PP::true);

cmp_ok($record->{completionTokens}, ">=", 2, "two pieces are two tokens or more");

$record = replay_shape("api/chat", "/api/chat", "true", "errmid",
                       status => "upstream_error", estimated => JSON::PP::true);

cmp_ok($record->{completionTokens}, ">=", 1, "one piece is one token or more");



=== TEST 8: what /chat asks for
--- upstream
{ path => "/api/chat", contains => '"stream":false', play => "0.24.0/chat-json" },
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $json = recording("0.24.0/chat-json");
my $stream = recording("0.24.0/chat-stream");

for my $case ([{}, $json], [{ stream => JSON::PP::false }, $json],
              [{ stream => undef }, $json], [{ stream => JSON::PP::true }, $stream])
{
    my ($more, $expected) = @$case;
    my $r = chat({ %question, %$more });

    is($r->{status}, 200, json($more));
    ok($r->{body} eq $expected->{body}, "the answer");
    is($r->{headers}{"content-type"}, $expected->{type}, "its type");
    charged($r, { stream => $expected == $stream ? JSON::PP::true : JSON::PP::false },
            "the record");
}



=== TEST 9: the record, the key and the answer agree
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $k = create_key(name => "x");
my $r = chat({ %question, stream => JSON::PP::true }, key => $k->{key});
my ($record) = ledger();

is($r->{headers}{"x-request-id"}, $record->{requestId}, "X-Request-Id");
is_deeply([@$record{qw(kind status keyId user model family endpoint httpStatus
                       promptTokens cachedTokens completionTokens cost costNano
                       priceInput priceOutput priceCached ref)}],
          ["charge", "ok", $k->{id}, "alice", "llama3:latest", "Llama3", "/api/chat",
           200, 15, 0, 24, "0.000117", 117000, "0.003", "0.003", "0.003", undef],
          "the record");

my $object = key_object($k->{id});

is_deeply([@$object{qw(usageCount requestCount cost)}], [39, 1, "0.000117"], "the key");

chat({ %question, stream => JSON::PP::true }, key => $k->{key}) for 1 .. 9;

$object = key_object($k->{id});
is_deeply([@$object{qw(usageCount requestCount cost)}], [390, 10, "0.00117"], "ten");



=== TEST 10: line by line
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", cut => "lines",
  gate => "line", gate_at => 300 }
--- steps
my $c = client();

$c->send_request("POST", "/api/ai-service/chat",
                 json({ %question, stream => JSON::PP::true }), "X-API-Key" => key());

is($c->read_head->{status}, 200, "the head comes");
ollama()->wait_for(waiting => 1, "line");
$c->read_until(qr/\n/);
like($c->{body}, qr/^[^\n]*"done":false}\n[^\n]*\z/, "a line, before there is another");

ollama()->open("line");
is($c->read_body, 1, "then the rest");
ok($c->{body} eq recording("0.24.0/chat-stream")->{body}, "is whole");



=== TEST 11: counts that come before the end of the answer do not wait for it
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", gate => "end", gate_at => -5 }
--- steps
my $c = client();

$c->send_request("POST", "/api/ai-service/chat",
                 json({ %question, stream => JSON::PP::true }), "X-API-Key" => key());

my $head = $c->read_head;

ollama()->wait_for(waiting => 1, "end");
like($c->read_until(qr/"done":true.*}\n/), qr/"eval_count":24/, "the last line is here");

my ($record) = ledger();

is($record->{requestId}, $head->{headers}{"x-request-id"}, "its record too");
is("$record->{status} $record->{promptTokens} $record->{completionTokens}", "ok 15 24",
   "which is right");

ollama()->open("end");
is($c->read_body, 1, "then the end");
is(scalar(my @all = ledger()), 1, "one record");



=== TEST 12: who has the whole answer is in the ledger
--- upstream
{ path => "/api/chat", contains => '"stream":false', play => "0.24.0/chat-json" },
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
for my $stream (JSON::PP::true, JSON::PP::false) {
    for (1 .. 20) {
        my $r = chat({ %question, stream => $stream });
        my $id = $r->{headers}{"x-request-id"};

        is(scalar(grep { $_->{requestId} eq $id } ledger()), 1, "there at once");
    }
}



=== TEST 13: connections to Ollama are kept
--- upstream
{ path => "/api/chat", contains => '"stream":false', play => "0.24.0/chat-json" },
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $before = ollama()->state->{accepted};

for my $stream (JSON::PP::true, JSON::PP::false) {
    is(chat({ %question, stream => $stream })->{status}, 200, "a request")
        for 1 .. 10;
}

cmp_ok(ollama()->state->{accepted} - $before, "<=", 2, "a connection a worker");
is((grep { $_->{version} ne "HTTP/1.1" } sent_upstream()), 0, "HTTP/1.1");



=== TEST 14: many at once
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", cut => "lines", gate => "all",
  gate_at => 500 }
--- steps
my $k = create_key(name => "x");
my @open = map { client() } 1 .. 40;

for my $c (@open) {
    $c->send_request("POST", "/api/ai-service/chat",
                     json({ %question, stream => JSON::PP::true }),
                     "X-API-Key" => $k->{key});
}

ollama()->wait_for(waiting => 40, "all");
ollama()->open("all");

my $body = recording("0.24.0/chat-stream")->{body};
my $good = grep { my $r = $_->read_answer; $r->{complete} && $r->{body} eq $body } @open;

is($good, 40, "forty whole answers");
is(scalar(my @all = ledger()), 40, "forty records");

my $object = key_object($k->{id});

is_deeply([@$object{qw(usageCount requestCount cost)}], [1560, 40, "0.00468"], "the sum");



=== TEST 15: headers of Ollama that are not passed on
--- upstream
{ path => "/api/chat", raw => http_answer(200, recording("0.24.0/chat-json")->{body},
  "X-Accel-Redirect" => "/secret", "X-Accel-Buffering" => "yes", "X-Accel-Expires" => 5,
  "X-Accel-Limit-Rate" => 1, "X-Accel-Charset" => "x",
  "Set-Cookie" => "a=b", "Server" => "Ollama",
  "Access-Control-Allow-Origin" => "*", "Access-Control-Allow-Methods" => "GET") }
--- steps
my $r = chat(\%question);
my $h = $r->{headers};

is($r->{status}, 200, "the answer");
is_deeply([grep { /^(?:x-accel|set-cookie|access-control)/ } sort keys %$h], [], "none");
isnt($h->{server}, "Ollama", "Server");
is($h->{"content-type"}, "application/json; charset=utf-8", "Content-Type");



=== TEST 16: variables
--- http_config
    log_format ai '$ai_api_request_id|$ai_api_model|$ai_api_family|$ai_api_stream|'
                  '$ai_api_prompt_tokens|$ai_api_completion_tokens|$ai_api_tokens|'
                  '$ai_api_usage_source|$ai_api_cost|$ai_api_first_token_time';
--- config
    access_log logs/ai.log ai;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        access_log off;
        ai_api_manage;
    }
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $id = chat({ %question, stream => JSON::PP::true })->{headers}{"x-request-id"};
my $log = "$ENV{TEST_NGINX_SERVROOT}/logs/ai.log";

eventually(sub { -s $log }, "a line in the log");

open my $in, "<", $log or die "$!\n";
like(scalar <$in>, qr/^$id\|llama3:latest\|Llama3\|1\|15\|24\|39\|exact\|0\.000117\|\d+\.\d{3}$/,
     "the line");



=== TEST 17: format of a model that thinks: Ollama counts the second run only
--- steps
for my $route (qw(chat generate)) {
    my $line = sub {
        my ($thinking, $content, $more) = @_;

        return '{"model":"llama3",'
            . ($route eq "chat"
               ? qq("message":{"role":"assistant","content":"$content","thinking":"$thinking"})
               : qq("response":"$content","thinking":"$thinking"))
            . ($more || ',"done":false') . "}\n";
    };

    my $counts = ',"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":5';
    my $stream = chunked("HTTP/1.1 200 OK\nContent-Type: application/x-ndjson",
                         ($line->("x", "")) x 30, ($line->("", "y")) x 5,
                         $line->("", "", $counts));
    my $whole = http_answer(200, $line->("x" x 120, "yyyyy", $counts));

    for my $row (["a stream", 1, $stream], ["JSON", 0, $whole]) {
        my ($name, $streamed, $raw) = @$row;

        upstream({ raw => $raw });

        for my $format (undef, "json", { type => "object" }) {
            my %body = (model => "llama3", think => JSON::PP::true,
                        stream => $streamed ? JSON::PP::true : JSON::PP::false,
                        $route eq "chat" ? (messages => $question{messages})
                                         : (prompt => "x"),
                        defined $format ? (format => $format) : ());
            my $r = request("POST", "/api/ai-service/$route", json(\%body),
                            "X-API-Key" => key());

            is($r->{status}, 200, "$route, $name");
            charged($r, { promptTokens => 9, completionTokens => defined $format ? 35 : 5,
                          estimatedCompletion => defined $format ? JSON::PP::true
                                                                 : JSON::PP::false },
                    "$route, $name, format " . (defined $format ? json($format) : "none"));
        }
    }
}



=== TEST 18: large answers that come in one read
--- http_config
    server {
        listen unix:$TEST_NGINX_STATE/json.sock;
        root $TEST_NGINX_STATE;
        default_type application/json;
        log_not_found off;
        error_page 404 =200 /answer;
    }

    server {
        listen unix:$TEST_NGINX_STATE/lines.sock;
        root $TEST_NGINX_STATE;
        default_type application/x-ndjson;
        log_not_found off;
        error_page 404 =200 /answer;
    }

    upstream json {
        server unix:$TEST_NGINX_STATE/json.sock;
    }

    upstream lines {
        server unix:$TEST_NGINX_STATE/lines.sock;
    }
--- config
    ai_api_buffer_size 1m;

    location /api/ai-service/ {
        ai_api_pass http://json;
    }

    location /lines/ {
        ai_api_pass http://lines;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
# before the counts, and in the line that has them
my $json = recording("0.24.0/chat-json");
my $lines = recording("0.24.0/chat-stream");

for my $kib (16, 60, 63, 64, 65, 100, 127, 128, 130, 150, 180, 200) {
    my $text = "x" x (1024 * $kib);

    for my $w ($json, $lines) {
        my $name = "$kib KiB, $w->{name}";
        my $prefix = $w == $json ? "/api/ai-service" : "/lines";
        my $stream = $w == $json ? JSON::PP::false : JSON::PP::true;
        (my $body = $w->{body}) =~ s/(.*"content":")/$1$text/s;

        open my $out, ">", state_dir() . "/answer" or die "$!\n";
        print $out $body;
        close $out or die "$!\n";

        my $r = chat({ %question, stream => $stream }, prefix => $prefix);

        is($r->{status}, 200, $name);
        ok($r->{complete} && $r->{body} eq $body, "$name: byte for byte");
        charged($r, { status => "ok", promptTokens => $w->{prompt},
                      completionTokens => $w->{completion} }, $name);
    }
}
