# No word of a prompt or an answer, no key, token or secret is on the disk or
# in a log afterwards, at any level below debug.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($asked $said $raw $broken);

log_level("info");

$asked = "zq-asked-" . join "", map { chr(97 + $_ * 7 % 26) } 1 .. 20;
$said = "zq-said-" . join "", map { chr(97 + $_ * 11 % 26) } 1 .. 20;

# an answer with marked words in pieces, and the same that breaks off
$raw = chunked("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson",
    (map { "{\"model\":\"llama3\",\"message\":{\"content\":\"$said $_\"},\"done\":false}\n" }
     1 .. 50),
    "{\"model\":\"llama3\",\"message\":{\"content\":\"$said\"},\"done\":true,"
    . "\"prompt_eval_count\":3,\"eval_count\":50}\n");


sub question {
    my (%more) = @_;

    return { model => "llama3", stream => JSON::PP::true, %more,
             messages => [{ role => "user", content => $asked }] };
}


# Everything that this nginx could have written.

sub found {
    my ($word) = @_;

    return [map { s{.*/(state\.\d+|nginx)/}{$1/}r }
            files_with($word, state_dir(), $ENV{TEST_NGINX_SERVROOT})];
}


# The words of a user, and what must not be found of him.

sub nowhere {
    my (%words) = @_;

    for my $name (sort keys %words) {
        is_deeply(found($words{$name}), [], "$name is nowhere");
    }
}


run_tests();

__DATA__

=== TEST 1: a prompt and its answer
--- config
    access_log logs/access.log;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ path => "/api/chat", raw => $raw }
--- steps
my $key = key();
my $r = chat(question());

is($r->{status}, 200, "the answer");
like($r->{body}, qr/$said 50/, "is the marked one");
like(sent_upstream()->{body}, qr/$asked/, "of the marked question");
is(scalar(records_after(0, 1)), 1, "and has its record");

nowhere("the question" => $asked, "the answer" => $said, "the key" => $key,
        "the middle of the key" => substr($key, 8, 30), "the token" => jwt("alice"),
        "its signature" => (split /\./, jwt("alice"))[2]);



=== TEST 2: through a temporary file
--- config
    client_body_buffer_size 1k;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
        client_max_body_size 10m;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- error_log
client request body is buffered to a temporary file
--- upstream
{ path => "/api/chat", raw => $raw, gate => "g" }
--- steps
my $c = client();

$c->send_request("POST", "/api/ai-service/chat", json(question(x => "$asked " x 50000)),
                 "X-API-Key" => key());
ollama()->wait_for(waiting => 1, "g");
ollama()->open("g");
is($c->read_answer->{status}, 200, "the answer");

eventually(sub { !@{ found($asked) } }, "the file is gone with its request");
nowhere("the answer" => $said);
is_deeply([grep { -f } glob "$ENV{TEST_NGINX_SERVROOT}/*_temp/*"], [], "no file is left");



=== TEST 3: refused bodies
--- steps
for my $body ("{\"messages\":\"$asked", "$asked", "{\"model\":\"llama3\",\"$asked\":}",
              json({ model => "$asked/$asked/$asked/$asked", messages => [{}] }),
              json({ model => "llama3", messages => $asked }),
              json({ model => "llama3", messages => [{}], stream => $asked }),
              json({ messages => [{ content => $asked }] }))
{
    my $r = chat($body);

    is($r->{status}, 400, "refused");
    is(index($r->{body}, $asked), -1, "without the client's words");
}

my $r = request("POST", "/api/ai-service/$asked", "{}", "X-API-Key" => key());
is($r->{status}, 403, "an unknown path");
is(index($r->{body}, $asked), -1, "is not repeated");

nowhere("a question" => "\"$asked\"");



=== TEST 4: refused keys and tokens
--- http_config
    log_format headers '$request $http_authorization $http_x_api_key $status';
--- config
    access_log logs/access.log headers;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
my $key = "aik_" . "Zq9" x 16 . "x";
my $good = key();

for my $secret ($key, "zq-no-key-at-all", jwt("mallory", "x" x 40), "$good$good") {
    for my $headers (["X-API-Key" => $secret], [Authorization => "Bearer $secret"]) {
        is(request("GET", "/api/ai-service/usage", undef, @$headers)->{status}, 401,
           $headers->[0]);
        is(request("GET", "/api/ai-api/keys", undef, @$headers)->{status}, 401, "JWT");
    }

    nowhere("it" => $secret);
}

nowhere("the good key" => $good);



=== TEST 5: errors of Ollama
--- error_log
upstream
--- steps
my $line = "{\"model\":\"llama3\",\"message\":{\"content\":\"$said\"},\"done\":false}\n";

for my $case (["breaks off", $raw, 700], ["refuses", http_answer(400,
               "{\"error\":\"$said\"}")], ["fails", http_answer(500, "{\"error\":\"$said\"}")],
              ["is no HTTP", "$said\r\n\r\n", 40], ["is no JSON", http_answer(200, $said)],
              ["is HTML", http_answer(200, "<p>$said", "Content-Type" => "text/html")],
              ["has an error line", chunked("HTTP/1.1 200 OK\r\nContent-Type: "
                                            . "application/x-ndjson", $line,
                                            "{\"error\":\"$said\"}\n")])
{
    my ($name, $bytes, $stop) = @$case;

    upstream({ raw => $bytes, defined $stop ? (stop_after => $stop) : () });
    ok(chat(question())->{status}, "an answer that $name");
    nowhere("the question" => $asked, "the answer" => $said);
}



=== TEST 6: clients that go away
--- upstream
{ path => "/api/chat", raw => $raw, cut => "lines", gate => "g", gate_at => 1000 }
--- steps
my $c = client();

$c->send_request("POST", "/api/ai-service/chat", json(question()), "X-API-Key" => key());
$c->read_head;
$c->read_until(qr/\n/);
ollama()->wait_for(waiting => 1, "g");
$c->reset;
ollama()->open("g");
is(scalar(records_after(0, 1)), 1, "the record");
nowhere("the question" => $asked, "the answer" => $said);



=== TEST 7: the secrets of the operator
--- upstream
{ path => "/api/chat", raw => $raw }
--- steps
chat(question());

my $dir = state_dir();
my $pepper = do { open my $in, "<", "$dir/pepper" or die "$!\n"; local $/; <$in> };

is_deeply(found($pepper), [found($pepper)->[0]], "the pepper is in its own file only");
like(found($pepper)->[0], qr{/pepper$}, "which is this");
is_deeply([map { m{/([^/]+)$} } @{ found($AiApi::Setup::secret) }], ["jwt.key"],
          "the JWT secret too");



=== TEST 8: names are what may be kept
--- upstream
{ path => "/api/chat", raw => $raw }
--- steps
my $k = create_key(name => "zq-name-of-a-key", user => "zq-user");

chat(question(), key => $k->{key});
cmp_ok(scalar @{ found("zq-name-of-a-key") }, ">=", 1, "the search finds what is there");
