# API keys on the AI service: which are let in, what a refusal says, and that
# a key goes no further than the module.

use lib 't/lib';
use AiApi;
use AiApi::Faults;
use Test::Nginx::Socket 'no_plan';

use vars qw($usage %answer);

$usage = "/api/ai-service/usage";
%answer = (path => "/api/chat", play => "0.11.4/chat-json");


sub ask {
    my (@headers) = @_;

    return request("GET", $usage, undef, @headers);
}


sub change {
    my ($key, $changes) = @_;

    my $r = api("PATCH", "/api/ai-api/keys/$key->{id}", $changes,
                jwt({ sub => "alice", exp => time() + 10 * 86400 }));

    is($r->{status}, 200, "PATCH") or diag($r->{body});
}


sub access_log {
    open my $in, "<", "$ENV{TEST_NGINX_SERVROOT}/logs/keys.log" or return "";
    local $/;
    return scalar <$in>;
}


run_tests();

__DATA__

=== TEST 1: no key
--- steps
for my $path (qw(usage models chat generate api/chat api/tags api/version nothing)) {
    my $method = $path =~ /chat|generate/ ? "POST" : "GET";
    my $r = request($method, "/api/ai-service/$path", $method eq "POST" ? "{}" : undef);

    refused($r, 401, "MISSING_API_KEY", "$method $path");
}

refused(ask(Authorization => $_), 401, "MISSING_API_KEY", "Authorization: $_")
    for "", "Bearer", "Bearer ";
refused(ask("X-API-Key" => ""), 401, "MISSING_API_KEY", "X-API-Key: nothing");



=== TEST 2: a key in either header
--- steps
my $key = key();

is(ask("X-API-Key" => $key)->{status}, 200, "X-API-Key");
is(ask("x-api-key" => $key)->{status}, 200, "x-api-key");
is(ask(Authorization => "$_ $key")->{status}, 200, $_)
    for qw(Bearer bearer BEARER BeArEr);



=== TEST 3: one body for every key that is not valid
--- steps
my $key = key();
my $bad = ask("X-API-Key" => "aik_" . "0" x 49);

refused($bad, 401, "INVALID_API_KEY", "a wrong checksum");

my @wrong = ("x", "aik_", "AIK" . substr($key, 3), "$key ", "${key}x",
             substr($key, 0, -1), substr($key, 0, -1) . "!", "a" x 5000,
             jwt("alice"), "sk-" . substr($key, 4), "\x80\xff");

(my $flipped = $key) =~ s/(.)$/$1 eq "A" ? "B" : "A"/e;
push @wrong, $flipped;

# the checksum is right, and nobody has it
require Compress::Zlib;
my @digits = (0 .. 9, "A" .. "Z", "a" .. "z");
my $crc = Compress::Zlib::crc32("aik_" . "A" x 43);
my $sum = "";
for (1 .. 6) { $sum = $digits[$crc % 62] . $sum; $crc = int($crc / 62); }
push @wrong, "aik_" . "A" x 43 . $sum;

for my $text (@wrong) {
    next if $text =~ / $/;

    my $r = ask("X-API-Key" => $text);
    my $name = substr $text, 0, 60;

    refused($r, 401, "INVALID_API_KEY", "X-API-Key: $name");
    is($r->{body}, $bad->{body}, "the same body");

    $r = ask(Authorization => "Bearer $text");
    is("$r->{status} $r->{body}", "401 $bad->{body}", "the same as Bearer");
}

for my $value ("Basic YWxpY2U6eA==", $key, "Token $key") {
    my $r = ask(Authorization => $value);

    is($r->{status}, 401, "Authorization: " . substr $value, 0, 8);
    like($r->{json}{code}, qr/^(?:MISSING|INVALID)_API_KEY$/, "its code");
}



=== TEST 4: disabled, expired and deleted keys are like unknown ones
--- steps
my $unknown = ask("X-API-Key" => "aik_" . "0" x 49);
my $k = create_key(name => "x");
my $out = sub {
    my $r = ask("X-API-Key" => $k->{key});

    refused($r, 401, "INVALID_API_KEY", $_[0]);
    is($r->{body}, $unknown->{body}, "the same body");
    is(join(" ", grep { $_ ne "date" } sort keys %{ $r->{headers} }),
       join(" ", grep { $_ ne "date" } sort keys %{ $unknown->{headers} }),
       "the same headers");
};

change($k, { isActive => JSON::PP::false });
$out->("disabled by its owner");
change($k, { isActive => JSON::PP::true });
is(ask("X-API-Key" => $k->{key})->{status}, 200, "enabled again");

api("PATCH", "/api/ai-api/admin/keys/$k->{id}", { isActive => JSON::PP::false },
    admin_jwt());
$out->("disabled by an administrator");
api("PATCH", "/api/ai-api/admin/keys/$k->{id}", { isActive => JSON::PP::true },
    admin_jwt());
is(ask("X-API-Key" => $k->{key})->{status}, 200, "enabled again");

my @at = gmtime(time() + 86400);
change($k, { expiresAt => sprintf "%04d-%02d-%02dT%02d:%02d:%02dZ", $at[5] + 1900,
             $at[4] + 1, @at[3, 2, 1, 0] });
is(ask("X-API-Key" => $k->{key})->{status}, 200, "not expired yet");
faults("clock offset " . 2 * 86400);
$out->("expired");

change($k, { expiresAt => undef });
is(ask("X-API-Key" => $k->{key})->{status}, 200, "lives again");
faults();

api("DELETE", "/api/ai-api/keys/$k->{id}", undef, jwt("alice"));
$out->("deleted");



=== TEST 5: two credentials
--- steps
my $key = key();

refused(ask("X-API-Key" => $key, Authorization => "Bearer $key"), 400,
        "INVALID_REQUEST", "both headers, equal");
refused(ask("X-API-Key" => $key, Authorization => "Bearer x"), 400,
        "INVALID_REQUEST", "both headers");
refused(ask("X-API-Key" => $key, "X-Api-Key" => $key), 400, "INVALID_REQUEST",
        "X-API-Key twice");
refused(ask("X-API-Key" => $key, "X-Api-Key" => ""), 400, "INVALID_REQUEST",
        "X-API-Key twice, once empty");
refused(chat({}, "x-api-key" => "x"), 400, "INVALID_REQUEST", "of a POST");



=== TEST 6: two Authorization headers: nginx's own refusal, in our shape
--- config
    error_page 400 408 413 414 494 /refused;

    location = /refused {
        internal;
        ai_api_error;
    }

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
my $r = request("GET", $usage, undef, Authorization => "Bearer " . key(),
                authorization => "Bearer " . key());

refused($r, 400, "INVALID_REQUEST", "two Authorization headers");

$r = request("GET", "$usage?" . "x" x 40000, undef, "X-API-Key" => key());
like($r->{status}, qr/^4(?:00|14)$/, "a long line");
is($r->{json}{code}, "INVALID_REQUEST", "has a code");



=== TEST 7: a key is not in a variable, a log, or on its way to Ollama
--- http_config
    log_format keys '$request|$http_authorization|$http_x_api_key|$ai_api_key_id|'
                    '$ai_api_key_name|$ai_api_user|$ai_api_auth_status|$status';
--- config
    access_log logs/keys.log keys;
    add_header X-Seen "$http_authorization$http_x_api_key" always;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
\%answer
--- steps
my $k = create_key(name => "mine");
my %question = (model => "llama3", messages => [{ role => "user", content => "x" }]);
my $unknown = "aik_" . "Q" x 49;

# one line of the log after the other, whichever worker writes it
my $lines = 0;
my $log = sub {
    my ($expected, $name) = @_;
    my @now;

    wait_for(sub { @now = grep { m{/chat} } split /\n/, access_log(); @now > $lines });
    $lines++;
    like($now[-1], $expected, "the log: $name");
};

for my $headers (["X-API-Key" => $k->{key}], [Authorization => "Bearer $k->{key}"]) {
    is(chat(\%question, key => undef, @$headers)->{status}, 200, $headers->[0]);
    $log->(qr/^POST \S+ \S+?\|-\|-\|$k->{id}\|mine\|alice\|ok\|200$/, $headers->[0]);
}

for my $headers (["X-API-Key" => $unknown], [Authorization => "Bearer $unknown"]) {
    my $r = chat(\%question, key => undef, @$headers);

    is($r->{status}, 401, $headers->[0]);
    is($r->{headers}{"x-seen"}, undef, "nothing is seen of it");
    $log->(qr/\|-\|-\|-\|-\|-\|INVALID_API_KEY\|401$/, "unknown");
}

my @both = ("X-API-Key" => $unknown, Authorization => "Bearer $k->{key}");

is(chat(\%question, key => undef, @both)->{status}, 400, "both");
$log->(qr/\|-\|-\|.*\|INVALID_REQUEST\|400$/, "both");

for my $secret ($k->{key}, $unknown) {
    is(index(access_log(), $secret), -1, "not in the access log");

    for my $request (sent_upstream()) {
        is(index(json($request), $secret), -1, "not at Ollama");
    }
}



=== TEST 8: limit_req by key, before the key is looked at
--- http_config
    limit_req_zone $ai_api_key_id zone=keys:1m rate=1r/m;
--- config
    location /api/ai-service/ {
        limit_req zone=keys;
        limit_req_status 429;
        limit_req_log_level info;
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- api_keys
    one alice {"name":"one"}
    two alice {"name":"two"}
--- steps
is(ask("X-API-Key" => key("one"))->{status}, 200, "the first of one");
is(ask("X-API-Key" => key("one"))->{status}, 429, "the second of one");
is(ask("X-API-Key" => key("two"))->{status}, 200, "the first of another");
is(ask("X-API-Key" => "aik_" . "0" x 49)->{status}, 401, "an unknown one")
    for 1, 2;



=== TEST 9: allowedIps
--- steps
my $k = create_key(name => "x");

for my $case ([["10.0.0.0/8"], 403], [["127.0.0.0/8"], 200], [["127.0.0.1/32"], 200],
              [["10.0.0.0/8", "127.0.0.1/32"], 200], [["::1/128"], 403],
              [["0.0.0.0/0"], 200], [["127.0.0.2/32"], 403])
{
    my ($list, $status) = @$case;

    change($k, { allowedIps => $list });
    my $r = ask("X-API-Key" => $k->{key});

    if ($status == 200) {
        is($r->{status}, 200, "@$list");

    } else {
        refused($r, 403, "IP_NOT_ALLOWED", "@$list");
    }
}

change($k, { allowedIps => ["10.0.0.0/8"] });
refused(chat("not JSON", key => $k->{key}), 403, "IP_NOT_ALLOWED",
        "before the body is looked at");
refused(request("GET", "/api/ai-service/pull", undef, "X-API-Key" => $k->{key}), 403,
        "IP_NOT_ALLOWED", "before the path is looked at");



=== TEST 10: models
--- upstream
{ path => "/api/chat", raw => http_answer(200, '{"model":"m","message":{"role":'
    . '"assistant","content":"x"},"done":true,"prompt_eval_count":1,"eval_count":1}') },
--- steps
my $k = create_key(name => "x", models => ["llama3", "mistral*"]);
my %question = (messages => [{ role => "user", content => "x" }]);

for my $model (qw(llama3 LLAMA3:latest llama3:latest library/llama3
                  registry.ollama.ai/library/llama3:latest mistral mistral-nemo
                  mistral:7b))
{
    is(chat({ %question, model => $model }, key => $k->{key})->{status}, 200, $model);
}

for my $model (qw(llama2 llama3:8b user/llama3 hf.co/user/llama3 gemma llama32
                  user/mistral))
{
    refused(chat({ %question, model => $model }, key => $k->{key}), 403,
            "MODEL_NOT_ALLOWED", $model);
}



=== TEST 11: the order of the checks
--- steps
my $expired = "aik_" . "0" x 49;
my $k = create_key(name => "x", models => ["llama3"], requestLimit => 0);
my @key = (key => $k->{key});

refused(chat("x", key => $expired, "Content-Encoding" => "gzip"), 401,
        "INVALID_API_KEY", "the key first");
refused(request("DELETE", "/api/ai-service/chat", undef, "X-API-Key" => $expired), 401,
        "INVALID_API_KEY", "then the method");
refused(request("POST", "/api/ai-service/api/pull", "x", "X-API-Key" => $k->{key},
                "Content-Encoding" => "gzip"), 403,
        "ENDPOINT_NOT_ALLOWED", "then the path");
refused(chat("x", @key, "Content-Encoding" => "gzip"), 415, "UNSUPPORTED_MEDIA",
        "then the encoding");
refused(chat("x", @key), 400, "INVALID_REQUEST", "then the body");
refused(chat({ model => "gemma", messages => [{ role => "user", content => "x" }] },
             @key), 403, "MODEL_NOT_ALLOWED", "then the model");
refused(chat({ model => "llama3", messages => [{ role => "user", content => "x" }] },
             @key), 429, "RATE_LIMIT_EXCEEDED", "then the limits");



=== TEST 12: a stranger is not asked for his body
--- steps
my $c = client();

$c->write("POST /api/ai-service/chat HTTP/1.1\r\nHost: localhost\r\n"
          . "Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n");
$c->{method} = "POST";
$c->fill while $c->{in} !~ /\r\n\r\n/;

like($c->{in}, qr{^HTTP/1\.1 401 }, "refused, and no 100 Continue");



=== TEST 13: /usage
--- upstream
\%answer
--- steps
my $k = create_key(name => "x", usageLimit => 100, costLimit => "0.5");

is(chat({ model => "llama3", messages => [{ role => "user", content => "x" }] },
        key => $k->{key})->{status}, 200, "one request");

my $r = ask("X-API-Key" => $k->{key});
my $object = key_object($k->{id});
my $remaining = delete $r->{json}{remaining};

is_deeply($r->{json}, $object, "the key object");
is_deeply($remaining, { tokens => 61, requests => undef, cost => "0.499883" },
          "and what remains");

my $head = request("HEAD", $usage, undef, "X-API-Key" => $k->{key});
is("$head->{status} $head->{headers}{'content-length'}", "200 " . length $r->{body},
   "HEAD");
is(index($r->{body}, $k->{key}), -1, "without the secret");



=== TEST 14: /models
--- http_config
    ai_api_price Llama3 input=0.004 output=0.0051;
    ai_api_currency EUR;
--- upstream
{ method => "GET", path => "/api/tags", raw => http_answer(200, json({ models => [
    map { { name => $_, model => $_, size => 253113853, details => { family => "x" } } }
    "llama3:latest", "gemma3:270m", "codellama:7b", "user/llama3-ft:latest" ] })) }
--- steps
my $all = api("GET", "/api/ai-service/models", undef, key());

is($all->{status}, 200, "all");
is($all->{headers}{"content-type"}, "application/json; charset=utf-8", "type");

my %price = map { $_->{name} => delete $_->{price} } @{ $all->{json}{models} };

is_deeply(\%price, {
    "llama3:latest" => { input => "0.004", output => "0.0051", per => 1000,
                         currency => "EUR" },
    "gemma3:270m" => { input => "0.002", output => "0.002", per => 1000,
                       currency => "EUR" },
    "codellama:7b" => { input => "0.0025", output => "0.0025", per => 1000,
                        currency => "EUR" },
    "user/llama3-ft:latest" => { input => "0.004", output => "0.0051", per => 1000,
                                 currency => "EUR" },
}, "each with its price");
is_deeply($all->{json}, { models => [
    map { { name => $_, model => $_, size => 253113853, details => { family => "x" } } }
    "llama3:latest", "gemma3:270m", "codellama:7b", "user/llama3-ft:latest" ] },
    "and nothing else changed");

my $some = create_key(name => "some", models => ["LLAMA3", "gemma*"]);
my $r = api("GET", "/api/ai-service/models", undef, $some->{key});

is(join(" ", map { $_->{name} } @{ $r->{json}{models} }), "llama3:latest gemma3:270m",
   "the models of a key");

my $head = api("HEAD", "/api/ai-service/models", undef, key());
is("$head->{status} $head->{body}", "200 ", "HEAD");

is(scalar ledger(), 0, "no record");
