# Clients and processes that mean no good, and bad luck: what becomes of
# admission and of holds.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use AiApi::Running;
use AiApi::StoreLock;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $small $slow_port $status_port $patience);

$yes = JSON::PP::true;
$no = JSON::PP::false;
$slow_port = AiApi::Setup::free_port();
$status_port = AiApi::Setup::free_port();
$patience = 500;    # ms; a request waits longer for the mutex
$small = { ndjson => { pieces => 3, prompt => 10, text => "x", obey => 1 } };


# A server that keeps little of what its client does not read, and one that
# tells how many connections the workers have.

add_block_preprocessor(sub {
    my ($block) = @_;

    my $http = defined $block->http_config ? $block->http_config : "";

    $block->set_value("http_config", $http . <<"EOC");
    server {
        listen 127.0.0.1:$slow_port sndbuf=4k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }

    server {
        listen 127.0.0.1:$status_port;
        access_log off;
        stub_status;
    }
EOC
});


# The clients that a worker knows of, whether it waits for them or they for it.

sub accepted {
    my $c = AiApi::Client->new($status_port);

    $c->send_request("GET", "/", undef, Connection => "close");

    my $r = $c->read_answer;
    my ($active) = $r->{body} =~ /^Active connections: (\d+)/
        or die "no status: $r->{body}\n";

    return $active - 1;
}


sub access_log {
    open my $in, "<", "$ENV{TEST_NGINX_SERVROOT}/logs/access.log" or die "access.log: $!\n";

    return grep { m{/chat } } <$in>;
}


sub mutex {
    return AiApi::StoreLock->new(state_dir() . "/store", "hold_mutex.py");
}


# An answer to someone who met a holder of the mutex that was away for 20 ms:
# a holder that was away for longer than requests wait is another matter.

sub met_holder {
    my ($mutex, $ask) = @_;

    for (1 .. 100) {
        $mutex->hold(20);

        my $r = $ask->();

        return $r if $mutex->held < $patience;
    }

    die "a machine that is too busy\n";
}


# A stream one piece over its hold, and a mutex that is held: it waits.

sub late_stream {
    my ($k, %rule) = @_;

    # 64 pieces are held before the gate
    my $end = delete $rule{end};
    my $rule = stream_rule("chat", pieces => 400, gate => "g", behind => 10, %rule);

    if (defined $end) {
        $rule->{raw} =~ s/[0-9a-f]+\r\n[^\n]*"done":true.*//s;
        @$rule{qw(stop_after stop)} = (length $rule->{raw}, $end);
    }

    upstream($rule);

    my ($c, $head) = start_stream("chat", $k->{key}, 400);

    $c->read_until(qr/(?:.*\n){10}/);
    ollama()->wait_for(waiting => 1, "g");

    my $mutex = mutex();

    $mutex->hold;
    ollama()->open("g");
    $c->read_until(qr/(?:.*\n){65}/);

    return ($c, $head, $mutex);
}


run_tests();

__DATA__

=== TEST 1: the holder of the file's mutex loses the processor for 20 ms
--- steps
my $k = create_key(name => "x", usageLimit => 10000);

upstream($small);

my $mutex = mutex();

for (1 .. 5) {
    my $r = met_holder($mutex, sub { chat(question("chat", 40), key => $k->{key}) });

    is($r->{status}, 200, "admitted a little later");
}

idle();



=== TEST 2: a holder that was stopped
--- steps
my $k = create_key(name => "x", usageLimit => 10000);
my $free = create_key(name => "y");

upstream($small);

my $mutex = mutex();
$mutex->hold;

my @crowd = crowd(100, sub { ("chat", question("chat", 40), $k->{key}) });

is(request("GET", "/api/ai-service/nothing")->{status}, 401, "the worker answers others");
is(chat(question("chat", 40), key => $free->{key})->{status}, 200,
   "a key without limits needs no mutex");

my @answers = answers(@crowd);

is(scalar(grep { $_->{status} == 503 && $_->{headers}{"retry-after"} } @answers), 100,
   "those with limits are told to come again");

$mutex->release;

is(chat(question("chat", 40), key => $k->{key})->{status}, 200, "and may");
idle();



=== TEST 3: a client that leaves while it waits for its admission
--- steps
my $k = create_key(name => "x", usageLimit => 10000);

upstream($small);

my $mutex = mutex();
$mutex->hold;

my @crowd = crowd(20, sub { ("chat", question("chat", 40), $k->{key}) });

eventually(sub { accepted() == 20 }, "they are there");
$_->reset for @crowd;
eventually(sub { accepted() == 0 }, "they have left");
$mutex->release;

idle();
is(scalar(my @sent = sent_upstream()), 0, "nothing was sent");
is(chat(question("chat", 40), key => $k->{key})->{status}, 200, "the next one");



=== TEST 4: a body of two aliases is looked at once
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        ai_api_model_alias first second;
        ai_api_model_alias second third;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
my $k = create_key(name => "x", usageLimit => 10000);

upstream($small);

my $mutex = mutex();
my $r = met_holder($mutex, sub {
    chat(AiApi::json({ model => "first", stream => $no,
                       messages => [{ role => "user", content => "x" }] }), key => $k->{key});
});

is($r->{status}, 200, "admitted");
is(from_json(sent_upstream()->{body})->{model}, "second", "the alias of its name");



=== TEST 5: the holder is killed
--- steps
my $k = create_key(name => "x", usageLimit => 10000);

upstream($small);

my $mutex = mutex();
$mutex->hold;
$mutex->kill;

is(chat(question("chat", 40), key => $k->{key})->{status}, 200, "who comes next has it");
idle();



=== TEST 6: Ollama goes on behind a cut, with a length that it keeps to
--- no_error_log
[alert]
[crit]
[error]
[emerg]
[warn]
--- steps
for my $size (100, 200, 300, 400, 600) {
    my $k = create_key(name => "x", usageLimit => 164);
    my $line = AiApi::Quota::line("chat", "y" x $size, "");
    my $top = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
        . "Content-Length: " . 300 * length($line) . "\r\n\r\n";

    upstream({ path => "/api/chat", raw => $top . $line x 300, gate => "g$size",
               gate_at => length($top) + 65 * length($line) + 10 });

    my $c = AiApi::Client->new($slow_port, receive_buffer => 1024);

    $c->send_request("POST", "/api/ai-service/chat", question("chat", 400, stream => $yes),
                     "X-API-Key" => $k->{key});

    # if buffers are as small as they should be, the client's are full, and
    # Ollama's rest is on its way, before it reads
    ollama()->wait_for(waiting => 1, "g$size");
    wait_for(sub { unsent($slow_port) }, 5);
    ollama()->open("g$size");
    wait_for(sub { ollama()->state->{ended} }, 5);

    my $head = $c->read_head;

    ok($c->read_body, "a clean end");

    my $end = cut_end($c->{body}, "chat", "a slow client, lines of $size");

    cmp_ok($end->{pieces}, "<=", 65, "one piece over it at most");
    charged($head, { status => "cut_quota", completionTokens => $end->{completion} },
            "the record");
}

idle();



=== TEST 7: a mutex that cannot be used any more: paid work is refused, and the log says why
--- no_error_log
[alert]
[crit]
[error]
--- no_shutdown_error_log
[alert]
[crit]
--- steps
my $k = create_key(name => "x", usageLimit => 10000);

upstream($small);

my $mutex = mutex();
$mutex->hold;
$mutex->kill;
mutex()->command("ruin");

# glibc's trylock tells the first one only; to all others it is never free
for (1 .. 3) {
    refused(chat(question("chat", 40), key => $k->{key}), 503, "BILLING_UNAVAILABLE",
            "paid work");
}

like(logged(), qr/\[emerg\].*the lock of the in-flight file is lost/, "why");
is(request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $k->{key})->{status}, 200,
   "what costs nothing goes on");



=== TEST 8: clients that left before a worker read what they sent
--- steps
my $k = create_key(name => "x", usageLimit => 10000);

upstream($small);

my $mutex = mutex();
my ($master, @workers) = nginx_pids();

$mutex->hold;
kill "STOP", @workers;
$_->reset for crowd(20, sub { ("chat", question("chat", 40), $k->{key}) });
kill "CONT", @workers;

eventually(sub { 20 == grep { / 499 / } access_log() }, "none of them waits");
$mutex->release;

idle();
is(scalar(my @sent = sent_upstream()), 0, "nothing was sent");



=== TEST 9: nobody can say whether a stream may go on: it waits, one piece over its hold
--- http_config
    ai_api_max_output_tokens 400;
--- steps
my $seen = sub { return scalar(() = drain_input($_[0]) =~ /"done":false/g) };

# it goes on, and Ollama is done meanwhile
for my $cut (qw(whole lines)) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my ($c, $head, $mutex) = late_stream($k, cut => $cut);

    ollama()->wait_for(ended => 1);
    is(request("GET", "/api/ai-service/nothing")->{status}, 401, "the workers go on") for 1 .. 10;
    is($seen->($c), 65, "$cut: it waits");
    $mutex->release;
    ok($c->read_body && whole_stream($c->{body}, 400), "$cut: the whole answer");
    charged($head, { status => "ok", completionTokens => 400 }, "$cut: its record");
}

# it may not; nothing more comes from Ollama
for my $pieces (65, 400) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my ($c, $head, $mutex) = late_stream($k, pieces => $pieces, end => "hang");

    set_key($k, { usageLimit => 164 });
    is($seen->($c), 65, "$pieces: it waits");
    $mutex->release;
    ok($c->read_body, "$pieces: a clean end");

    my $end = cut_end($c->{body}, "chat", "$pieces");

    is($end->{pieces}, 65, "$pieces: one piece over it");
    charged($head, { status => "cut_quota", completionTokens => 65 }, "$pieces: its record");
    ollama()->wait_for(closed => 1);
}

# without a limit there is nothing to wait for
my $free = create_key(name => "free");
my ($f, $free_head, $free_mutex) = late_stream($free, large => "y" x 1000);

ok($f->read_body && whole_stream($f->{body}, 400), "no limit: all of it comes meanwhile");
$free_mutex->release;
$f->close;

# more than is kept for anybody
my $k = create_key(name => "x", usageLimit => 1000);
my ($c, $head, $mutex) = late_stream($k, large => "y" x 1000, end => "hang");

ollama()->wait_for(closed => 1);
$mutex->release;
ok($c->read_body, "too much: a clean end");
is(cut_end($c->{body}, "chat", "too much")->{pieces}, 65, "too much: one piece over it");

# a client that leaves meanwhile: Ollama has said all, or nothing is left
for my $how (qw(close reset)) {
    for my $end (undef, "hang") {
        my $name = "$how, " . ($end ? "nothing is left" : "all is said");

        $k = create_key(name => "x", usageLimit => 1000);
        ($c, $head, $mutex) = late_stream($k, end => $end);

        if ($end) {
            set_key($k, { usageLimit => 164 });
            leave($how, $c);
            $mutex->release;
            ollama()->wait_for(closed => 1);

        } else {
            ollama()->wait_for(ended => 1);
            $c->$how;
            eventually(sub { accepted() == 0 }, "$name: it has left");
            $mutex->release;
        }

        eventually(sub { records_of($head) }, "$name: its record");

        my ($r) = records_of($head);

        is($r->{completionTokens}, $end ? 65 : 400, "$name: what Ollama said, as far as it may");
        is($r->{estimated}, $end ? $yes : $no, "$name: its own count, if there is one");
    }
}

idle();



=== TEST 10: a holder that does not come back: a stream waits no longer than for its charge
--- http_config
    ai_api_max_output_tokens 400;
    ai_api_settle_timeout 1s;
--- no_error_log
[alert]
[crit]
--- steps
for my $gone (0, 1) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my ($c, $head, $mutex) = late_stream($k, end => "hang");

    $c->reset if $gone;
    ollama()->wait_for(closed => 1);
    $mutex->release;

    ok($c->read_body, "an end") if !$gone;
    eventually(sub { records_of($head) }, "its record");
    is((records_of($head))[0]{completionTokens}, 65, "what has passed");
}

idle();
