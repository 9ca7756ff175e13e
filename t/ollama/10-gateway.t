# The main job in front of a real Ollama: chat, generate, streams, what a
# client that leaves costs, the native mount, and the bill.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($service @question);

$service = "/api/ai-service";
@question = ({ role => "user", content => "Why is the sky blue?" });

real_ollama();


sub post {
    my ($path, $body) = @_;

    return api("POST", $service . $path, $body, key());
}


sub records {
    my $r = api("GET", "/api/ai-api/admin/ledger", undef, admin_jwt());

    return map { from_json($_) } grep { /\S/ } split /\n/, $r->{body};
}


# The record with this id, which may still be on its way.

sub record {
    my ($id) = @_;

    my $found;

    wait_for(sub { ($found) = grep { $_->{requestId} eq $id } records(); $found });

    return $found || {};
}


sub options {
    return options => { num_predict => $_[0], temperature => 0, seed => 1 };
}


run_tests();

__DATA__

=== TEST 1: chat without stream: one object, exact counts, its cost
--- steps
my $r = post("/chat", { model => "llama3", messages => \@question,
                        options(8) });
is($r->{status}, 200, "status");

my $a = $r->{json};
ok($a->{done}, "one object that is done");
is($a->{eval_count}, 8, "eight tokens");

my $rec = record($r->{headers}{"x-request-id"});
is($rec->{status}, "ok", "ok");
is($rec->{promptTokens}, $a->{prompt_eval_count}, "prompt tokens");
is($rec->{completionTokens}, $a->{eval_count}, "completion tokens");
is($rec->{costNano}, 3000 * ($a->{prompt_eval_count} + 8), "cost");
ok(!$rec->{estimated}, "nothing is estimated");
--- request
GET /



=== TEST 2: a stream, line by line
--- steps
my $r = post("/chat", { model => "llama3", messages => \@question,
                        stream => JSON::PP::true(), options(8) });
is($r->{status}, 200, "status");
is($r->{headers}{"content-type"}, "application/x-ndjson", "NDJSON");

my @lines = map { from_json($_) } split /\n/, $r->{body};
cmp_ok(scalar(@lines), ">", 2, "several lines");
ok($lines[-1]{done}, "the last one is done");

my $rec = record($r->{headers}{"x-request-id"});
is($rec->{promptTokens}, $lines[-1]{prompt_eval_count}, "prompt tokens");
is($rec->{completionTokens}, $lines[-1]{eval_count}, "completion tokens");
--- request
GET /



=== TEST 3: generate, in Chinese
--- steps
my $r = post("/generate", { model => "LLAMA3:latest",
                            prompt => "\x{4f60}\x{597d}", options(6) });
is($r->{status}, 200, "status");

my $rec = record($r->{headers}{"x-request-id"});
is($rec->{model}, "llama3:latest", "the canonical name");
is($rec->{endpoint}, "/api/generate", "endpoint");
is($rec->{completionTokens}, $r->{json}{eval_count}, "completion tokens");
--- request
GET /



=== TEST 4: a client that leaves in mid-stream is charged exactly
--- steps
my $key = key();
my $rec;

# unless all forty were there before it left
for (1 .. 20) {
    my $c = client();

    $c->send_request("POST", "$service/chat",
        json({ model => "llama3", messages => \@question,
               stream => JSON::PP::true(), options(40) }),
        "X-API-Key" => $key);

    my $head = $c->read_head;
    $c->read_until(qr/"done":false/);
    $c->reset;

    $rec = record($head->{headers}{"x-request-id"});
    last if $rec->{status} ne "ok";
}

is($rec->{status}, "client_abort", "client_abort");
is($rec->{completionTokens}, 40, "all forty tokens");
ok(!$rec->{estimated}, "exact, for the answer was drained");
--- request
GET /



=== TEST 5: what Ollama refuses
--- steps
my $r = post("/chat", { model => "nosuch", messages => \@question });
is($r->{status}, 404, "status");
is($r->{json}{code}, "AI_SERVICE_ERROR", "code");
like($r->{json}{error}, qr/nosuch/, "Ollama's own message");
is(record($r->{headers}{"x-request-id"})->{costNano}, 0, "costs nothing");
--- request
GET /



=== TEST 6: the native mount
--- steps
my $key = key();

for my $path (qw(/api/tags /api/version /)) {
    is(api("GET", $service . $path, undef, $key)->{status}, 200, $path);
}

my $r = post("/api/show", { model => "llama3" });
is($r->{status}, 200, "show");
ok(!exists $r->{json}{template}, "no template");
ok(!exists $r->{json}{modelfile}, "no modelfile");

$r = post("/api/generate", { model => "llama3", prompt => "Hi", options(4) });
my @lines = map { from_json($_) } split /\n/, $r->{body};
ok($lines[-1]{done}, "Ollama's own default: a stream");

$r = post("/api/chat", { model => "llama3", messages => [] });
is($r->{json}{done_reason}, "load", "load call");
is(record($r->{headers}{"x-request-id"})->{costNano}, 0, "costs nothing");
--- request
GET /



=== TEST 7: models with prices, and the bill
--- steps
my $key = key();
my $m = api("GET", "$service/models", undef, $key)->{json}{models}[0];

is($m->{name}, "llama3:latest", "name");
is($m->{price}{input}, "0.003", "price");

my $r = post("/chat", { model => "llama3", messages => \@question,
                        options(4) });
my $used = $r->{json}{prompt_eval_count} + $r->{json}{eval_count};

is(api("GET", "$service/usage", undef, $key)->{json}{usageCount}, $used,
   "the key's own count");
is(api("GET", "/api/ai-api/usage", undef, jwt("alice"))
       ->{json}{total}{totalTokens}, $used, "the user's");
--- request
GET /



=== TEST 8: the output cap is written into the request
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_max_output_tokens 5;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
for my $n (0, -1, 100) {
    my $r = post("/generate", { model => "llama3", prompt => "Hi",
                                options($n) });
    is($r->{json}{eval_count}, 5, "num_predict $n");
}
--- request
GET /
