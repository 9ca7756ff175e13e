# The native mount: Ollama's own paths, for Ollama's own clients.

use lib 't/lib';
use AiApi;
use AiApi::Replay;
use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_OWN_PORT} = AiApi::Setup::free_port();


sub get {
    my ($path, %headers) = @_;

    return request("GET", "/api/ai-service$path", undef, "X-API-Key" => key(), %headers);
}


sub show {
    my ($body, %headers) = @_;

    return request("POST", "/api/ai-service/api/show", ref $body ? json($body) : $body,
                   "X-API-Key" => key(), %headers);
}


run_tests();

__DATA__

=== TEST 1: version, tags, /
--- upstream
{ method => "GET", path => "/api/version", play => "0.11.4/version" },
{ method => "GET", path => "/api/tags", play => "0.11.4/tags" },
{ path => "/", play => "0.11.4/root" }
--- steps
for my $case (["/api/version", "version"], ["/api/tags", "tags"], ["/", "root"]) {
    my ($path, $name) = @$case;
    my $w = recording("0.11.4/$name");
    my $r = get($path);

    is($r->{status}, 200, "GET $path");
    is($r->{body}, $w->{body}, "the same bytes");
    is($r->{headers}{"content-type"}, $w->{type}, "the same type");
    like($r->{headers}{"x-request-id"}, qr/^[0-9a-f]{32}$/, "X-Request-Id");
    is(sent_upstream()->{target}, $path, "the path that Ollama gets");
}

is(scalar(() = ledger()), 0, "no records");



=== TEST 2: HEAD
--- upstream
{ method => "GET", path => "/api/version", play => "0.11.4/version" },
{ method => "GET", path => "/api/tags", play => "0.11.4/tags" },
{ method => "GET", path => "/", play => "0.11.4/root" },
{ method => "HEAD", raw => "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8"
  . "\r\nContent-Length: 17\r\n\r\n" }
--- steps
for my $path ("/api/version", "/api/tags", "/", "/models") {
    my $r = request("HEAD", "/api/ai-service$path", undef, "X-API-Key" => key());

    is("$r->{status} $r->{body}", "200 ", "HEAD $path");
    is(get($path eq "/models" ? "/api/tags" : $path)->{status}, 200, "GET after it");
}



=== TEST 3: the models of a key
--- upstream
{ method => "GET", path => "/api/tags", raw => http_answer(200, json({ models => [
    map { { name => $_, model => $_, size => 253113853, details => { family => "x" } } }
    "llama3:latest", "gemma3:270m", "codellama:7b" ] })) }
--- api_keys
    some alice {"name":"some","models":["llama3"]}
    none alice {"name":"none","models":["nothing"]}
--- steps
my $r = get("/api/tags", "X-API-Key" => key("some"));

is($r->{status}, 200, "some");
is_deeply($r->{json}, { models => [{ name => "llama3:latest", model => "llama3:latest",
                                     size => 253113853, details => { family => "x" } }] },
          "the one that it may use");

$r = get("/api/tags", "X-API-Key" => key("none"));
is_deeply($r->{json}, { models => [] }, "none");

my @all = @{ get("/api/tags")->{json}{models} };
is(scalar @all, 3, "all for a key without a list");



=== TEST 4: /api/show
--- upstream
{ path => "/api/show", raw => http_answer(200, json({
    modelfile => "FROM x", system => "secret system", messages => [], license => "L",
    template => "{{ .Prompt }}", parameters => "stop x", remote_host => "h",
    remote_model => "m", tensors => [{ name => "t" }], modified_at => "2026",
    details => { family => "gemma3" }, model_info => { "general.size" => 1 },
    capabilities => ["completion"] })) }
--- steps
my %shown = (details => { family => "gemma3" }, model_info => { "general.size" => 1 },
             capabilities => ["completion"], modified_at => "2026");

for my $body ({ model => "llama3" }, { name => "llama3" },
              { model => "llama3", verbose => JSON::PP::true })
{
    my $r = show($body);
    my $parameters = delete $r->{json}{parameters};

    is($r->{status}, 200, json($body));
    is_deeply($r->{json}, \%shown, "what may be known");
    is($r->{headers}{"content-length"}, length $r->{body}, "its length")
        if defined $r->{headers}{"content-length"};

    my $got = from_json(sent_upstream()->{body});

    is_deeply($got, { map { $_ => $body->{$_} } grep { $_ ne "verbose" } keys %$body },
              "what Ollama got");
}

my $before = sent_count();

refused(show($_), 400, "INVALID_REQUEST", $_)
    for '{"model":"llama3","name":"llama3"}', '{"model":"llama3","x":1}',
        '{"model":"llama3","system":"x"}', '{"model":"llama3","options":{}}', '{',
        '{"model":5}', '{"name":[]}', '{"model":"a//b"}';
is(show($_)->{status}, 400, $_) for '{}', '{"model":""}', '{"model":null}';

my $k = create_key(name => "x", models => ["llama3"]);

refused(show({ model => "gemma" }, "X-API-Key" => $k->{key}), 403, "MODEL_NOT_ALLOWED",
        "another model");
refused(show({ name => "gemma" }, "X-API-Key" => $k->{key}), 403, "MODEL_NOT_ALLOWED",
        "another name");
is(sent_count(), $before, "Ollama did not hear of these");



=== TEST 5: ai_api_allow show_full
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_allow show_full;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ path => "/api/show", raw => http_answer(200, '{"modelfile":"FROM x", "system" :"s"}') }
--- steps
is(show({ model => "llama3" })->{body}, '{"modelfile":"FROM x", "system" :"s"}', "all");



=== TEST 6: load and unload
--- steps
my $lsn = last_lsn();
my $n = 0;

for my $case (["api/chat", "chat-empty-load", '{"model":"llama3","messages":[]}'],
              ["api/chat", "chat-empty-load", '{"model":"llama3"}'],
              ["api/chat", "chat-unload",
               '{"model":"llama3","messages":[],"keep_alive":0}'],
              ["api/generate", "generate-empty-load", '{"model":"llama3","prompt":""}'],
              ["api/generate", "generate-empty-load", '{"model":"llama3"}'])
{
    my ($route, $name, $body) = @$case;

    for my $version ("0.11.4", "0.24.0") {
        my $w = recording("$version/$name");

        upstream({ play => $w->{name} });
        my $r = request("POST", "/api/ai-service/$route", $body, "X-API-Key" => key());

        is("$r->{status} $r->{body}", "200 $w->{body}", "$route $body");
        charged($r, { kind => "charge", status => "ok", promptTokens => 0,
                      completionTokens => 0, cost => "0", estimated => JSON::PP::false,
                      model => "llama3:latest" }, "is free");
        is(exists from_json(sent_upstream()->{body})->{keep_alive}, "",
           "keep_alive is not passed");
        $n++;
    }
}

is(scalar(my @records = records_after($lsn, $n)), $n, "one record each");



=== TEST 7: errors of Ollama, as it words them
--- steps
for my $case (["api/chat", "chat-notfound", 404, "model 'nosuch' not found"],
              ["chat", "chat-notfound", 404, "model 'nosuch' not found"])
{
    my ($route, $name, $status, $text) = @$case;

    upstream({ raw => http_answer($status, "{\"error\":\"$text\"}") });

    my $r = request("POST", "/api/ai-service/$route", recording("0.24.0/$name")->{request},
                    "X-API-Key" => key());

    refused($r, $status, "AI_SERVICE_ERROR", "$route $name", $text);
    charged($r, { httpStatus => $status, cost => "0", promptTokens => 0,
                  completionTokens => 0 }, "free");
}

# what its recorded answer says
upstream({ play => "0.24.0/chat-notfound" });
refused(request("POST", "/api/ai-service/api/chat",
                recording("0.24.0/chat-notfound")->{request}, "X-API-Key" => key()),
        404, "AI_SERVICE_ERROR", "the recording",
        recording("0.24.0/chat-notfound")->{body} =~ /"error":"([^"]+)"/ ? $1 : "");



=== TEST 8: a model that Ollama does not know is in the usage at once
--- upstream
{ play => "0.24.0/chat-notfound" }
--- steps
chat({ model => "nosuch", messages => [{ role => "user", content => "x" }] });

my $usage = api("GET", "/api/ai-api/usage", undef, jwt("alice"));

is($usage->{status}, 200, "usage");
is($usage->{json}{total}{requests}, 1, "one request");
is($usage->{json}{total}{totalTokens}, 0, "no tokens");



=== TEST 9: on a server of its own, at /
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_OWN_PORT;

        location / {
            ai_api_pass http://ollama;
        }
    }
--- upstream
{ method => "GET", path => "/api/tags", play => "0.11.4/tags" },
{ method => "GET", path => "/", play => "0.11.4/root" },
{ path => "/api/chat", play => "0.11.4/chat-stream" },
--- steps
my $ask = sub {
    my ($method, $path, $body) = @_;
    my $c = AiApi::Client->new($ENV{TEST_NGINX_OWN_PORT});

    $c->send_request($method, $path, $body, "X-API-Key" => key());
    return $c->read_answer;
};

is($ask->("GET", "/")->{body}, "Ollama is running", "/");
is($ask->("GET", "/api/tags")->{body}, recording("0.11.4/tags")->{body}, "tags");
is($ask->("POST", "/api/chat", recording("0.11.4/chat-stream")->{request})->{body},
   recording("0.11.4/chat-stream")->{body}, "chat");
refused($ask->("POST", "/api/pull", "{}"), 403, "ENDPOINT_NOT_ALLOWED", "pull");
is($ask->("POST", "/chat", recording("0.11.4/chat-json")->{request})->{status}, 200,
   "the service's own routes are there too");



=== TEST 10: Ollama's default is a stream
--- upstream
{ path => "/api/chat", contains => '"stream":false', play => "0.24.0/chat-json" },
{ path => "/api/chat", play => "0.24.0/chat-stream" },
--- steps
my $r = request("POST", "/api/ai-service/api/chat", recording("0.24.0/chat-stream")->{request},
                "X-API-Key" => key());

is($r->{headers}{"content-type"}, "application/x-ndjson", "NDJSON");
charged($r, { stream => JSON::PP::true, endpoint => "/api/chat" }, "the record");
