# HTTP/2: the same answers and charges; streams that are reset, windows that
# stay shut, several streams on one connection.

use lib 't/lib';
use AiApi;
use AiApi::Http2;
use AiApi::Running;
use Test::Nginx::Socket 'no_plan';

use vars qw($w $plain $begin $port);

$w = recording("0.11.4/chat-stream");
$plain = recording("0.11.4/chat-json");
($begin) = pieces_of($w);
$port = AiApi::Setup::free_port();

add_block_preprocessor(sub {
    my ($block) = @_;

    my $more = defined $block->locations ? $block->locations : "";

    $block->set_value("http_config", <<"EOC");
    server {
        listen 127.0.0.1:$port http2 sndbuf=4k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
            $more
        }
    }
EOC
});


sub connection {
    return AiApi::Http2->new($port, @_);
}


sub start {
    my ($h, $stream, $key) = @_;

    my $body = json({ model => "llama3", stream => JSON::PP->can($stream)->(),
                      messages => [{ role => "user", content => "x" }] });

    return $h->request("POST", "/api/ai-service/chat", $body,
                       "x-api-key" => defined $key ? $key : key());
}


sub reaches {
    my ($h, $id, $pattern) = @_;

    $h->until(sub { $h->stream($id)->{body} =~ $pattern });
}


sub finishes {
    my ($h, $id, $recorded, $name) = @_;

    my $s = $h->stream($id);

    $h->until(sub { $s->{ended} || $s->{reset} });
    is($s->{status}, 200, "$name: 200");
    ok($s->{ended} && !$s->{reset}, "$name: a clean end");
    is($s->{body}, $recorded->{body}, "$name: byte for byte");
}


# In the order of their ends.

sub charges {
    my ($name, @expected) = @_;

    my @got = map { "$_->{status} $_->{promptTokens} $_->{completionTokens}" }
        records_after(0, scalar @expected);

    is_deeply([sort @got], [sort @expected], $name);
}


sub gated {
    upstream({ path => "/api/chat", contains => '"stream":true', times => 1,
               play => $w->{name}, gate => "middle", gate_at => 400 },
             { path => "/api/chat", contains => '"stream":true',
               play => $w->{name} },
             { path => "/api/chat", play => $plain->{name} });
}


# Longer than all buffers on the way.

sub endless {
    return { path => "/api/chat", times => 1, gate => "middle", gate_at => 400,
             ndjson => { pieces => 2000, prompt => 7, eval => 5000,
                         text => "x" x 8000 } };
}


run_tests();

__DATA__

=== TEST 1: a stream and a JSON answer
--- steps
gated();
ollama()->open("middle");

my $h = connection();

finishes($h, start($h, "true"), $w, "stream");
finishes($h, start($h, "false"), $plain, "JSON");
charges("charged", "ok 15 24", "ok 15 24");

my $id = start($h, "true", "aik_x");

$h->until(sub { $h->stream($id)->{ended} });
is($h->stream($id)->{status}, 401, "a bad key");
like($h->stream($id)->{body}, qr/"code":"INVALID_API_KEY"/, "our error");



=== TEST 2: RST_STREAM in mid-stream: drained, charged exactly
--- steps
gated();

my $h = connection();
my $id = start($h, "true");

reaches($h, $id, qr/Why/);
$h->reset($id);
$h->ping;
ollama()->open("middle");

charges("charged", "client_abort 15 24");
ok(ollama()->wait_for(free => 1), "Ollama's connection is kept");
is(ollama()->requests->[0]{end}, "ok", "it was drained");
finishes($h, start($h, "true"), $w, "the next stream of the connection");



=== TEST 3: ai_api_abort cut: an estimate of what was seen
--- locations
ai_api_abort cut;
--- steps
gated();

my $h = connection();
my $id = start($h, "true");

reaches($h, $id, qr/Why/);
$h->reset($id);
$h->ping;
ollama()->wait_for(closed => 1);

my ($r) = records_after(0, 1);

is($r->{status}, "client_abort", "client_abort");
ok($r->{estimatedPrompt} && $r->{estimatedCompletion}, "estimated");
is($r->{completionTokens}, () = $h->stream($id)->{body} =~ /\n/g, "the pieces");
finishes($h, start($h, "true"), $w, "the next stream of the connection");



=== TEST 4: two streams on one connection, one of them reset
--- steps
gated();

my $h = connection();
my $first = start($h, "true");

reaches($h, $first, qr/Why/);

my $second = start($h, "false");
my $third = start($h, "true");

finishes($h, $second, $plain, "beside a stream that waits");
finishes($h, $third, $w, "another");
$h->reset($first);
$h->ping;

my $fourth = start($h, "true");

ollama()->open("middle");
finishes($h, $fourth, $w, "after the reset");
charges("charged", "client_abort 15 24", ("ok 15 24") x 3);



=== TEST 5: the connection goes away with two streams
--- steps
upstream({ path => "/api/chat", play => $w->{name}, gate => "middle",
           gate_at => 400 });

my $h = connection();
my @ids = map { start($h, "true") } 1, 2;

reaches($h, $_, qr/Why/) for @ids;
$h->close;
wait_for(sub { logged() =~ /client closed connection while Ollama/ });
ollama()->open("middle");
charges("charged", ("client_abort 15 24") x 2);
ok(ollama()->wait_for(free => 2), "Ollama's connections are kept");



=== TEST 6: a window that stays shut, then RST_STREAM
--- steps
upstream(endless());

my $h = connection(window => 2000);
my $id = start($h, "true");

ollama()->open("middle");
$h->until(sub { length $h->stream($id)->{body} == 2000 });
$h->ping;
is(ollama()->state->{ended}, 0, "Ollama waits for the client");
$h->reset($id);
ollama()->wait_for(ended => 1);
charges("charged", "client_abort 7 5000");
ok(ollama()->wait_for(free => 1), "Ollama's connection is kept");



=== TEST 7: a window that opens late
--- steps
gated();
ollama()->open("middle");

my $h = connection(window => 2000);
my $id = start($h, "true");

$h->until(sub { length $h->stream($id)->{body} == 2000 });
ollama()->wait_for(ended => 1);
$h->ping;
$h->window($id, 100000);
finishes($h, $id, $w, "opened");
charges("charged", "ok 15 24");



=== TEST 8: RST_STREAM with frames on the way: the connection stays well-formed
--- steps
upstream(endless(),
         { path => "/api/chat", play => $w->{name} });

my $h = connection(receive_buffer => 4096);
my $big = start($h, "true");

reaches($h, $big, qr/x/);

# nothing is read from here on
ollama()->open("middle");
my $small = start($h, "true");

ollama()->wait_for(received => 2);
$h->reset($big);
ollama()->wait_for(ended => 2);

finishes($h, $small, $w, "the other stream");
finishes($h, start($h, "true"), $w, "the next");
charges("charged", "client_abort 7 5000", ("ok 15 24") x 2);



=== TEST 9: a client that reads no more at all
--- locations
ai_api_stall_timeout 300ms;
--- steps
upstream(endless());

my $h = connection(receive_buffer => 4096);
my $big = start($h, "true");

reaches($h, $big, qr/x/);
ollama()->open("middle");
ollama()->wait_for(ended => 1);
charges("charged", "client_abort 7 5000");
ok(ollama()->wait_for(free => 1), "Ollama's connection is kept");
