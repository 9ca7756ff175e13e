# The gate: which bodies and paths are let through, and the very bytes that
# Ollama gets.

use lib 't/lib';
use AiApi;
use MIME::Base64 qw(decode_base64);
use Test::Nginx::Socket 'no_plan';

use vars qw($done @ollama %question);

$done = '{"model":"m","created_at":"2026-11-22T08:00:00Z","message":{"role":"assistant",'
    . '"content":"x"},"response":"x","done":true,"done_reason":"stop",'
    . '"prompt_eval_count":1,"eval_count":1}';
@ollama = ({ method => "POST", raw => http_answer(200, $done) });
%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);


sub post {
    my ($path, $body, %headers) = @_;

    return request("POST", "/api/ai-service/$path", ref $body ? json($body) : $body,
                   "X-API-Key" => key(), %headers);
}


# What Ollama got of a body that is let through, decoded; or the refusal.

sub passed {
    my ($path, $body, %headers) = @_;

    my $r = post($path, $body, %headers);

    return "$r->{status} $r->{body}" if $r->{status} != 200;

    return from_json(sent_upstream()->{body});
}


sub wrong {
    my ($path, $body, $name) = @_;

    my $before = sent_count();

    refused(post($path, $body), 400, "INVALID_REQUEST", $name || "$path $body");
    is(sent_count(), $before, "and Ollama does not hear of it");
}


sub header {
    my ($request, $name) = @_;

    return join "|", map { $_->[1] } grep { lc $_->[0] eq $name }
        @{ $request->{headers} };
}


run_tests();

__DATA__

=== TEST 1: bodies that JSON readers disagree on
--- upstream
@ollama
--- steps
open my $in, "<", "t/data/json-differential.jsonl" or die "$!\n";

while (my $line = <$in>) {
    my $row = from_json($line);
    my $body = decode_base64($row->{body_base64});

    my $before = sent_count();
    my $r = post("api/generate", $body);
    my $after = sent_count();

    if ($row->{verdict} eq "reject") {
        refused($r, 400, "INVALID_REQUEST", "$row->{id} $row->{case}");
        is($after, $before, "not passed");

    } else {
        is($r->{status}, 200, "$row->{id} $row->{case}") or diag($r->{body});
        is($after, $before + 1, "passed");
    }
}



=== TEST 2: the same at both kinds of routes
--- upstream
@ollama
--- steps
my $ok = '"model":"llama3","messages":[{"role":"user","content":"x"}],"prompt":"x"';

for my $path (qw(chat generate api/chat api/generate)) {
    is(post($path, "{$ok}")->{status}, 200, $path);

    wrong($path, $_) for
        "{$ok", "{$ok}}", "{$ok,}", "[{$ok}]", "{$ok}{$ok}", "{$ok} x", "", " ",
        "null", "\xef\xbb\xbf{$ok}", "{$ok,\"model\":\"llama3\"}",
        "{$ok,\"Model\":\"llama3\"}", "{$ok,\"mode\xc5\xbf\":1,\"\xc5\xbftream\":true}",
        "{$ok,\"\\u212aeep_alive\":0}", "{$ok,\"x\":\"\xff\"}", "{$ok,\"x\":\"\\ud800\"}",
        "{$ok,\"x\":\"\\u0000\"}", "{$ok,\"x\":NaN}", "{$ok,\"x\":01}", "{$ok,'x':1}",
        "{$ok,\"x\":\"a\nb\"}", "{$ok,\"a\":1,\"\\u0061\":2}", "{$ok}\0",
        "{$ok,\"options\":{\"num_predict\":1,\"num_predict\":2}}",
        "{$ok,\"options\":{\"Num_Predict\":1}}",
        "{$ok,\"options\":[]}", "{$ok,\"options\":5}";
}



=== TEST 3: fields of a wrong type or out of range
--- upstream
@ollama
--- steps
my $ok = '"model":"llama3","messages":[{"role":"user","content":"x"}]';

wrong("chat", "{$ok,$_}") for
    '"stream":1', '"stream":"true"', '"stream":[]', '"stream":{}',
    map { "\"options\":{\"num_predict\":$_}" }
    qw(-3 2147483648 1.0 1e2 "5" true [] 99999999999999999999 -2147483649);

wrong("chat", '{"messages":[{"role":"user","content":"x"}],"model":' . "$_}")
    for 5, '[]', '{}', 'true', '"a/b/c/d"', '"llama3@sha256:00"', '"a//b"', '":x"',
        '"' . "x" x 81 . '"', '"/llama3"', '"llama3:"';

is(ref passed("chat", "{$ok,$_}"), "HASH", $_)
    for '"stream":false', '"stream":null', '"options":null', '"options":{}',
        map { "\"options\":{\"num_predict\":$_}" } qw(-2 -1 0 1 2147483647 null);



=== TEST 4: depth, names and numbers of members
--- upstream
@ollama
--- steps
my $ok = '"model":"llama3","messages":[{"role":"user","content":"x"}]';
my $deep = sub { "{$ok,\"x\":" . "[" x $_[0] . "]" x $_[0] . "}" };
my $many = sub { "{$ok,\"x\":{" . join(",", map { "\"$_\":0" } 1 .. $_[0]) . "}}" };
my $long = sub { "{$ok,\"" . "k" x $_[0] . "\":0}" };

is(ref passed("chat", $deep->(63)), "HASH", "depth 64");
wrong("chat", $deep->(64), "depth 65");
wrong("chat", $deep->(100000), "depth 100001");
is(ref passed("chat", $many->(10000)), "HASH", "10,000 members");
wrong("chat", $many->(10001), "10,001 members");
is(ref passed("chat", $long->(256)), "HASH", "a name of 256 bytes");
wrong("chat", $long->(257), "a name of 257 bytes");



=== TEST 5: what must be there
--- upstream
@ollama
--- steps
for my $rest ('', ',"messages":null', ',"messages":"x"', ',"messages":[]',
              ',"messages":{}', ',"messages":5', ',"messages":true')
{
    refused(post("chat", "{\"model\":\"llama3\"$rest}"), 400, "MISSING_MESSAGES",
            "chat$rest");
}

for my $rest ('', ',"prompt":null', ',"prompt":5', ',"prompt":""', ',"prompt":["x"]',
              ',"prompt":{}', ',"prompt":false')
{
    refused(post("generate", "{\"model\":\"llama3\"$rest}"), 400, "MISSING_PROMPT",
            "generate$rest");
}

for my $path (qw(chat generate api/chat api/generate)) {
    for my $rest ('', ',"model":null') {
        refused(post($path, '{"messages":[{"role":"user","content":"x"}],"prompt":"x"'
                     . "$rest}"), 400, "MISSING_MODEL", "$path$rest");
    }

    is(post($path, '{"messages":[{"role":"user","content":"x"}],"prompt":"x",'
            . '"model":""}')->{status}, 400, "$path, an empty model");
}

refused(chat({ model => "llama3" }, "Accept-Language" => "en"), 400,
        "MISSING_MESSAGES", "in English", qr/^[ -~]*messages[ -~]*$/);
is(scalar sent_upstream(), undef, "Ollama heard of none");
is(scalar(() = ledger()), 0, "no records");



=== TEST 6: encodings and types of the body
--- upstream
@ollama
--- steps
refused(post("chat", \%question, "Content-Encoding" => $_), 415, "UNSUPPORTED_MEDIA",
        "Content-Encoding: $_")
    for "gzip", "zstd", "GZIP", "identity, gzip", "br", "x";

is(post("chat", \%question, "Content-Encoding" => $_)->{status}, 200,
   "Content-Encoding: $_") for "identity", "Identity";

refused(post("chat", \%question, "Content-Type" => $_), 415, "UNSUPPORTED_MEDIA",
        "Content-Type: $_")
    for "multipart/form-data; boundary=x", "Multipart/Mixed";

for my $type ("application/json", "text/plain", "application/x-www-form-urlencoded",
              "application/json; charset=utf-8", "nonsense", undef)
{
    my $name = defined $type ? "Content-Type: $type" : "no Content-Type";

    is(post("chat", \%question, "Content-Type" => $type)->{status}, 200, $name);
    is(header(scalar sent_upstream(), "content-type"), "application/json",
       "Ollama gets one type");
}



=== TEST 7: a body that is too large
--- config
    error_page 413 /refused;

    location = /refused {
        internal;
        ai_api_error;
    }

    location /api/ai-service/ {
        client_max_body_size 1k;
        client_body_buffer_size 512;
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- error_log
client intended to send too large
--- upstream
@ollama
--- steps
my $small = json({ %question, x => "x" x 600 });
my $large = json({ %question, x => "x" x 1500 });
my $frames = sub {
    return join("", map { sprintf "%x\r\n%s\r\n", length $_, $_ } unpack "(a100)*", $_[0])
        . "0\r\n\r\n";
};
my @chunked = ("Transfer-Encoding" => "chunked");

is(post("chat", $small)->{status}, 200, "small");
is(post("chat", $frames->($small), @chunked)->{status}, 200, "small, in chunks");
refused(post("chat", $large), 413, "PAYLOAD_TOO_LARGE", "by Content-Length");
refused(post("chat", $frames->($large), @chunked), 413, "PAYLOAD_TOO_LARGE",
        "in chunks");
is(sent_count(), 2, "Ollama heard of two");



=== TEST 8: too large, in chunks, without error_page
--- config
    location /api/ai-service/ {
        client_max_body_size 1k;
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- error_log
client intended to send too large
--- upstream
@ollama
--- steps
my $large = json({ %question, x => "x" x 1500 });

refused(post("chat", sprintf("%x\r\n%s\r\n0\r\n\r\n", length $large, $large),
             "Transfer-Encoding" => "chunked"), 413, "PAYLOAD_TOO_LARGE", "in chunks");



=== TEST 9: paths of Ollama that are never exposed
--- upstream
@ollama
--- steps
for my $case (qw(POST:pull POST:push POST:create POST:copy DELETE:delete
                 POST:blobs/sha256:00 HEAD:blobs/sha256:00 GET:ps POST:me
                 POST:signout DELETE:user/keys/x GET:experimental/x POST:audio
                 POST:web_search))
{
    my ($method, $path) = split /:/, $case, 2;

    for my $prefix ("", "api/", "v1/") {
        my $r = request($method, "/api/ai-service/$prefix$path",
                        $method eq "POST" ? json(\%question) : undef,
                        "X-API-Key" => key());

        if ($method eq "HEAD") {
            is($r->{status}, 403, "HEAD $prefix$path");

        } else {
            refused($r, 403, "ENDPOINT_NOT_ALLOWED", "$method $prefix$path");
        }
    }
}

for my $path ("chat/", "Chat", "chat/x", "xchat", "api/chat/", "api", "api/", "API/chat",
              "api/chat%20", "chat%0a", "chat;x", "api/ai-api/keys")
{
    my $r = post($path, \%question);

    like($r->{status}, qr/^40[034]$/, $path) or diag($r->{body});
}

is(sent_count(), 0, "Ollama heard of none");



=== TEST 10: spellings of a path that is one
--- upstream
@ollama
--- steps
for my $case (["chat", "/api/chat"], ["%63hat", "/api/chat"],
              ["api/%63hat", "/api/chat"], ["api%2Fchat", "/api/chat"],
              ["/chat", "/api/chat"], ["//api//chat", "/api/chat"],
              ["./chat", "/api/chat"], ["x/../chat", "/api/chat"],
              ["x/%2e%2e/api/generate", "/api/generate"],
              ["chat?x=1&y=%2F", "/api/chat"], ["chat?", "/api/chat"],
              ["api/generate?stream=true#x", "/api/generate"])
{
    my ($path, $sent) = @$case;

    is(post($path, { %question, prompt => "x" })->{status}, 200, $path);
    is(sent_upstream()->{target}, $sent, "is sent as $sent");
}



=== TEST 11: methods
--- upstream
@ollama
--- steps
for my $case (["GET", "chat", "POST"], ["PUT", "chat", "POST"],
              ["DELETE", "generate", "POST"], ["PATCH", "api/chat", "POST"],
              ["POST", "models", "GET"], ["DELETE", "usage", "GET"],
              ["POST", "api/version", "GET"], ["POST", "api/tags", "GET"],
              ["GET", "api/show", "POST"])
{
    my ($method, $path, $allow) = @$case;
    my $r = request($method, "/api/ai-service/$path", undef, "X-API-Key" => key());

    refused($r, 405, "METHOD_NOT_ALLOWED", "$method $path");
    my ($first) = sort grep { $_ ne "HEAD" } split /, */, $r->{headers}{allow} || "";
    is($first, $allow, "Allow");
}

my $head = request("HEAD", "/api/ai-service/chat", undef, "X-API-Key" => key());

is($head->{status}, 405, "HEAD where there is no GET");



=== TEST 12: the head that Ollama gets
--- upstream
@ollama,
{ method => "GET", play => "0.11.4/tags" }
--- steps
my %mine = (
    Cookie => "a=b", Origin => "http://evil.example", Referer => "http://x/",
    "Accept-Encoding" => "gzip, zstd", "User-Agent" => "me/1.0", Accept => "*/*",
    "X-Forwarded-User" => "root", "X-Forwarded-For" => "1.2.3.4", Via => "x",
    "Content-Type" => "text/plain", Host => "localhost", Upgrade => "h2c",
    "Proxy-Authorization" => "x", Forwarded => "for=x", TE => "trailers",
    "X-Real-IP" => "1.2.3.4", "Accept-Language" => "en", Range => "bytes=0-1",
    "If-None-Match" => "x", Traceparent => "00-x", "X-Anything" => "y",
);

is(post("chat", \%question, %mine)->{status}, 200, "POST");

my $got = sent_upstream();

is("$got->{method} $got->{target} $got->{version}", "POST /api/chat HTTP/1.1", "line");
is(join(" ", grep { $_ ne "connection" } header_names($got)),
   "content-length content-type host", "names");
is(header($got, "host"), "localhost:11434", "Host");
is(header($got, "content-type"), "application/json", "Content-Type");
is(header($got, "content-length"), length $got->{body}, "Content-Length");
like(header($got, "connection"), qr/^(?:|keep-alive)$/i, "Connection");

is(request("GET", "/api/ai-service/models", undef, "X-API-Key" => key(), %mine)
   ->{status}, 200, "GET");

$got = sent_upstream();

is("$got->{method} $got->{target} $got->{version}", "GET /api/tags HTTP/1.1", "line");
is(join(" ", grep { !/^(?:connection|content-type|content-length)$/ }
        header_names($got)), "host", "names");
is(header($got, "host"), "localhost:11434", "Host");
is($got->{body}, "", "no body");



=== TEST 13: ai_api_host
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_host ollama.example:8443;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
is(post("chat", \%question)->{status}, 200, "POST");
is(header(scalar sent_upstream(), "host"), "ollama.example:8443", "Host");



=== TEST 14: what is written into a body
--- upstream
@ollama
--- steps
my @kept = (model => "llama3", messages => $question{messages});
my $cap = 32768;
my $no = JSON::PP::false;
my $yes = JSON::PP::true;

# the body of /chat, then what Ollama gets besides model and messages
for my $case (
    [{}, { stream => $no, options => { num_predict => $cap } }],
    [{ stream => undef }, { stream => $no, options => { num_predict => $cap } }],
    [{ stream => $no }, { stream => $no, options => { num_predict => $cap } }],
    [{ stream => $yes }, { stream => $yes, options => { num_predict => $cap } }],
    [{ options => undef }, { stream => $no, options => { num_predict => $cap } }],
    [{ options => {} }, { stream => $no, options => { num_predict => $cap } }],
    (map { [{ options => { num_predict => $_ } },
            { stream => $no, options => { num_predict => $cap } }] }
     0, -1, -2, undef, 32768, 32769, 2147483647),
    (map { [{ options => { num_predict => $_, temperature => 0.5 } },
            { stream => $no, options => { num_predict => $_, temperature => 0.5 } }] }
     1, 5, 32767),
    [{ options => { temperature => 0, seed => 1, top_k => 2, top_p => 0.5, stop => ["."] } },
     { stream => $no, options => { temperature => 0, seed => 1, top_k => 2, top_p => 0.5,
                                   stop => ["."], num_predict => $cap } }],
    [{ options => { num_ctx => 100000, num_gpu => 0, main_gpu => 1, num_thread => 1,
                    num_batch => 1, use_mmap => $no, seed => 7 } },
     { stream => $no, options => { seed => 7, num_predict => $cap } }],
    [{ options => { num_ctx => 1 } }, { stream => $no, options => { num_predict => $cap } }],
    [{ keep_alive => 0 }, { stream => $no, options => { num_predict => $cap } }],
    [{ keep_alive => "24h" }, { stream => $no, options => { num_predict => $cap } }],
    [{ keep_alive => -1 }, { stream => $no, options => { num_predict => $cap } }],
    [{ _debug_render_only => $yes }, { stream => $no, options => { num_predict => $cap } }],
    [{ format => "json", think => $no, tools => [] },
     { format => "json", think => $no, tools => [], stream => $no,
       options => { num_predict => $cap } }],
) {
    my ($body, $expected) = @$case;
    my $got = passed("chat", { @kept, %$body });

    delete $got->{stream} if ref $got && !defined $got->{stream};
    is_deeply($got, { @kept, %$expected }, json($body));
}



=== TEST 15: the native routes keep Ollama's own default
--- upstream
{ path => "/api/chat", ndjson => { pieces => 1 } },
{ path => "/api/generate", ndjson => { pieces => 1 } }
--- steps
for my $path (qw(api/chat api/generate)) {
    my $got = passed($path, { %question, prompt => "x" });

    is(ref $got && exists $got->{stream}, "", "$path: no stream");
    is_deeply($got->{options}, { num_predict => 32768 }, "$path: options");
}



=== TEST 16: all other bytes are the client's
--- upstream
@ollama
--- steps
my $body = "{ \"messages\" :\t[{\"role\":\"user\",\"content\":\"\\u4f60\\/ \xe4\xbd\xa0"
    . "\\ud83d\\ude00 {\\\"stream\\\":true}\"}],\r\n\"x\":1.50e+00, \"mod\\u0065l\" :"
    . "\"llama3\" ,\"options\": {\"temperature\":0.10 , \"num_predict\" : 7}"
    . ",\"stream\":false }\n";

is(post("chat", $body)->{status}, 200, "nothing to change");
is(sent_upstream()->{body}, $body, "the same bytes");

(my $longer = $body) =~ s/,"stream":false//;

is(post("chat", $longer)->{status}, 200, "stream is missing");

my $got = sent_upstream()->{body};

is(from_json($got)->{stream}, JSON::PP::false, "it is written in");
ok($got =~ s/,?\s*"stream"\s*:\s*false\s*,?//, "once");
is($got =~ s/[ \t\r\n]+//gr, $longer =~ s/[ \t\r\n]+//gr, "and nothing else is touched");

(my $capped = $body) =~ s/: 7}/: 99999}/;

is(post("chat", $capped)->{status}, 200, "num_predict is too large");
($got = sent_upstream()->{body}) =~ s/32768/99999/;
is($got, $capped, "only the number is replaced");



=== TEST 17: ai_api_max_output_tokens, ai_api_default_model, ai_api_model_alias
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_max_output_tokens 100;
        ai_api_default_model llama3;
        ai_api_model_alias gpt-4o llama3:8b;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
my @messages = (messages => $question{messages});

is(passed("chat", { @messages, model => "x" })->{options}{num_predict}, 100, "absent");
is(passed("chat", { @messages, model => "x", options => { num_predict => $_->[0] } })
   ->{options}{num_predict}, $_->[1], "num_predict $_->[0]")
    for [99, 99], [100, 100], [101, 100], [-1, 100], [0, 100];

is(passed("chat", { @messages })->{model}, "llama3", "no model");
is(passed("chat", { @messages, model => undef })->{model}, "llama3", "null");
is(passed("chat", { @messages, model => $_ })->{model}, "llama3:8b", "an alias, $_")
    for "gpt-4o", "GPT-4o:latest";
is(passed("chat", { @messages, model => "gpt-4" })->{model}, "gpt-4", "no alias");



=== TEST 18: ai_api_max_keep_alive
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_max_keep_alive 1h;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
# seconds of a number, or of a number with a unit
my $seconds = sub {
    my ($value) = @_;
    my %unit = ("" => 1, s => 1, m => 60, h => 3600);

    return "none" if !defined $value;
    return $value =~ /^(\d+)([smh]?)$/ ? $1 * $unit{$2} : $value;
};

for my $case (["10m", 600], ["2h", 3600], [-1, 3600], ["-1m", 3600], [0, 300], ["0", 300],
              ["1s", 300], [1200, 1200], ["24h", 3600])
{
    my ($value, $expected) = @$case;
    my $got = passed("chat", { %question, keep_alive => $value });

    is($seconds->($got->{keep_alive}), $expected, "keep_alive " . json($value));
}



=== TEST 19: refused members and models
--- upstream
@ollama
--- steps
for my $member (qw(width height steps)) {
    my $r = post("generate", { model => "llama3", prompt => "x", $member => 8 });

    is($r->{status}, 403, $member) or diag($r->{body});
}

my $r = post("generate", { model => "llama3", prompt => "x", template => "{{.Prompt}}" });

like($r->{status}, qr/^40[03]$/, "template");

for my $model ("x:cloud", "x:120b-cloud", "x:CLOUD", "gpt-oss:20B-Cloud",
               "library/x:cloud")
{
    refused(post("chat", { %question, model => $model }), 403, "MODEL_NOT_ALLOWED",
            $model);
}

is(sent_count(), 0, "Ollama heard of none");



=== TEST 20: ai_api_allow
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_allow template cloud;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
is(passed("generate", { model => "llama3", prompt => "x", template => "{{.Prompt}}" })
   ->{template}, "{{.Prompt}}", "template");
is(passed("chat", { %question, model => "x:cloud" })->{model}, "x:cloud", "cloud");



=== TEST 21: bodies in chunks, in memory, in a file
--- config
    client_body_buffer_size 1k;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
my %long = (%question, x => join "", map { chr(97 + $_ % 26) } 1 .. 3000000);

for my $body (json(\%question), json({ %question, x => "y" x 5000 }), json(\%long)) {
    my $size = length $body;

    is(post("chat", $body)->{status}, 200, "$size bytes");

    my $got = sent_upstream()->{body};
    my $plain = from_json($got);

    is_deeply([@$plain{qw(model messages x)}], [@{ from_json($body) }{qw(model messages x)}],
              "arrive");
    is_deeply([$plain->{stream}, $plain->{options}],
              [JSON::PP::false, { num_predict => 32768 }], "with what is written in");

    for my $piece (1, 7, 1000, 70000) {
        next if $size / $piece > 10000;

        my $frames = join "", map { sprintf "%x\r\n%s\r\n", length $_, $_ }
            unpack "(a$piece)*", $body;

        is(post("chat", "${frames}0\r\n\r\n", "Transfer-Encoding" => "chunked")->{status},
           200, "in chunks of $piece");

        my $sent = sent_upstream();

        ok($sent->{body} eq $got, "the same bytes for Ollama");
        is(header($sent, "content-length"), length $got, "Content-Length");
        is(header($sent, "transfer-encoding"), "", "no chunks");
    }
}

wrong("chat", substr(json(\%long), 0, -1), "a long body with an error at its end");



=== TEST 22: bodies that come slowly
--- config
    client_body_buffer_size 1k;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
my $body = json({ %question, x => "z" x 3000 });
my $key = key();

for my $piece (1, 500, 1500) {
    my $c = client();

    $c->{method} = "POST";
    $c->write("POST /api/ai-service/chat HTTP/1.1\r\nHost: localhost\r\nX-API-Key: $key\r\n"
              . "Content-Length: " . length($body) . "\r\n\r\n");

    for my $part (unpack "(a$piece)*", $body) {
        $c->write($part);
        select undef, undef, undef, 0.001 if $piece > 1;
    }

    is($c->read_answer->{status}, 200, "in pieces of $piece");
    is(from_json(sent_upstream()->{body})->{x}, "z" x 3000, "arrives");
}



=== TEST 23: client_body_in_file_only, client_body_in_single_buffer
--- config
    location /api/ai-service/ {
        client_body_in_file_only clean;
        ai_api_pass http://ollama;
    }

    location /single/ {
        client_body_buffer_size 4k;
        client_body_in_single_buffer on;
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
for my $size (1, 3000, 20000) {
    my $body = { %question, x => "z" x $size };

    for my $prefix ("/api/ai-service", "/single") {
        is(chat($body, prefix => $prefix)->{status}, 200, "$prefix, $size bytes");
        is_deeply(from_json(sent_upstream()->{body}),
                  { %$body, stream => JSON::PP::false,
                    options => { num_predict => 32768 } }, "arrive");
    }
}



=== TEST 24: several requests on one connection
--- upstream
@ollama
--- steps
my @headers = ("X-API-Key" => key(), "Content-Type" => "application/json");
my $c = client();

for my $case ((map { [json(\%question), 200, @headers] } 1 .. 3),
              ["{", 400, @headers], [json(\%question), 401],
              ['{"model":"llama3"}', 400, @headers], [json(\%question), 200, @headers],
              [json({ %question, x => "x" x 100000 }), 401],
              [json(\%question), 200, @headers])
{
    my ($body, $status, @given) = @$case;

    $c->send_request("POST", "/api/ai-service/chat", $body, @given);

    my $r = $c->read_answer;

    is($r->{status}, $status, "answers $status") or diag($r->{body});
    $c = client() if ($r->{headers}{connection} || "") eq "close";
}



=== TEST 25: mounts of other kinds
--- config
    location = /exact {
        ai_api_pass http://ollama;
        ai_api_prefix /;
    }

    location ~ ^/re/(?:chat|generate)$ {
        ai_api_prefix /re/;
        ai_api_pass http://ollama;
    }

    location ~ ^/chat$ {
        ai_api_pass http://ollama;
    }

    location /named/ {
        try_files /nothing @ollama;
    }

    location @ollama {
        ai_api_prefix /named;
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
@ollama
--- steps
is(chat(\%question, prefix => "/re")->{status}, 200, "a regular expression");
is(chat(\%question, prefix => "/")->{status}, 200, "without a prefix");
is(chat(\%question, prefix => "/named")->{status}, 200, "a named location");
refused(request("POST", "/exact", json(\%question), "X-API-Key" => key()), 403,
        "ENDPOINT_NOT_ALLOWED", "no route");
