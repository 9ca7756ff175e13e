# Clients that go away: what Ollama does is charged to the token, once, and
# its connection is used again.

use lib 't/lib';
use AiApi;
use AiApi::Ctl;
use AiApi::Running qw(pieces_of);
use AiApi::StoreLock;
use Test::Nginx::Socket 'no_plan';
use Time::HiRes qw(time);

use vars qw(%question $body $yes $no $big $port);

$yes = JSON::PP::true;
$no = JSON::PP::false;
%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);
$body = json({ %question, stream => $yes });

$port = $ENV{TEST_NGINX_OWN_PORT} = AiApi::Setup::free_port();

# more than all socket buffers between Ollama and the client can take
$big = { ndjson => { pieces => 8000, prompt => 77, eval => 8000, text => "y" x 2000 } };

add_block_preprocessor(sub { workers($_[0]->name =~ /one worker/ ? 1 : 2) });


# A request that is under way.

sub start {
    my ($text, %options) = @_;

    my $port = delete $options{port};
    my $c = defined $port ? AiApi::Client->new($port, %options) : client(%options);

    $c->send_request("POST", "/api/ai-service/chat", $text, "X-API-Key" => key());

    return $c;
}


# The one record after that LSN.

sub one_record {
    my ($lsn, $expected, $name) = @_;

    my @records = records_after($lsn, 1);

    is(scalar @records, 1, "$name: one record") or return;

    my %got = map { $_ => $records[0]{$_} } keys %$expected;

    is_deeply(\%got, $expected, "$name: the record") or diag(json($records[0]));

    return $records[0];
}


# Ollama's connection was neither closed nor lost.

sub kept {
    my ($name) = @_;

    my $state = ollama()->wait_for(busy => 0);

    cmp_ok($state->{free}, ">=", 1, "$name: a free connection");
    is($state->{closed}, 0, "$name: no answer was broken off");
}


# A client that waits before each of so many reads gets all of it, with an
# ai_api_stall_timeout of a second: once more when it was itself kept from
# reading for nearly as long, which says nothing.

sub reads_slowly {
    my ($reads, $seconds) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($head, $whole, $late, $from);
    my $look = sub {
        $late = 1 if time() - $from > 0.7;
        $from = time();
        return 0;
    };

    for (1 .. 20) {
        my $c = start($body, port => $port, receive_buffer => 4096);

        $head = $c->read_head;
        ($late, $from) = (0, time());

        for (1 .. $reads) {
            select undef, undef, undef, $seconds;
            $c->fill;
            $look->();
        }

        $whole = $c->read_body($look);
        last if !$late;
    }

    is($whole, 1, "a slow one gets all of it");
    charged($head, { status => "ok", completionTokens => 8000 }, "and its record");
}


sub nothing_left {
    eventually(sub {
        my $r = api("GET", "/api/ai-api/admin/stats", undef, admin_jwt());
        return $r->{status} == 200 && $r->{json}{inFlight} == 0;
    }, "nothing is in flight");
}


run_tests();

__DATA__

=== TEST 1: while the request is sent
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        client_body_buffer_size 1k;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ play => "0.24.0/chat-stream" }
--- steps
my $long = json({ %question, x => "x" x 50000 });
my $key = key();

for my $sent (0, 1, 500, 5000, length($long) - 1) {
    for my $how (qw(close reset)) {
        my $c = client();

        $c->write("POST /api/ai-service/chat HTTP/1.1\r\nHost: x\r\nX-API-Key: $key\r\n"
                  . "Content-Length: " . length($long) . "\r\n\r\n"
                  . substr $long, 0, $sent);
        $c->$how;
    }
}

# a request of which all is there comes to its end behind these
is(chat(\%question)->{status}, 200, "a whole one");
one_record(0, { status => "ok" }, "it has");
is(sent_count(), 1, "Ollama heard of one");
nothing_left();



=== TEST 2: drain: before the first byte
--- steps
for my $stream ($yes, $no) {
    for my $how (qw(close reset)) {
        my $lsn = last_lsn();
        my $name = ($stream ? "a stream" : "no stream") . ", $how";

        upstream({ play => $stream ? "0.24.0/chat-stream" : "0.24.0/chat-json",
                   gate => "g" });

        my $c = start(json({ %question, stream => $stream }));

        ollama()->wait_for(waiting => 1, "g");
        leave($how, $c);
        ollama()->open("g");

        one_record($lsn, { status => "client_abort", promptTokens => 15,
                           completionTokens => 24, cost => "0.000117",
                           estimated => $no }, $name);
        kept($name);
    }
}

nothing_left();



=== TEST 3: drain: in mid-stream
--- steps
for my $at (300, 1000, 2500) {
    for my $how (qw(close reset)) {
        my $lsn = last_lsn();

        upstream({ play => "0.24.0/chat-stream", cut => "lines", gate => "g",
                   gate_at => $at });

        my $c = start($body);

        $c->read_head;
        $c->read_until(qr/\n/);
        ollama()->wait_for(waiting => 1, "g");
        leave($how, $c);
        ollama()->open("g");

        one_record($lsn, { status => "client_abort", promptTokens => 15,
                           completionTokens => 24, cost => "0.000117",
                           estimated => $no, httpStatus => 200 }, "$how at $at");
        kept("$how at $at");
    }
}

nothing_left();



=== TEST 4: drain: in the middle of a JSON answer
--- steps
for my $how (qw(close reset)) {
    my $lsn = last_lsn();

    upstream({ play => "0.24.0/generate-json", gate => "g", gate_at => -300 });

    my $c = client();

    $c->send_request("POST", "/api/ai-service/generate",
                     json({ model => "llama3", prompt => "x" }), "X-API-Key" => key());
    ollama()->wait_for(waiting => 1, "g");
    leave($how, $c);
    ollama()->open("g");

    one_record($lsn, { status => "client_abort", promptTokens => 12,
                       completionTokens => 24, estimated => $no }, $how);
    kept($how);
}



=== TEST 5: drain: behind the counts, before the end of the connection
--- upstream
{ play => "0.24.0/chat-stream", gate => "g", gate_at => -5 }
--- steps
my $c = start($body);

$c->read_head;
$c->read_until(qr/"done":true.*\n/);
ollama()->wait_for(waiting => 1, "g");

my $record = one_record(0, { promptTokens => 15, completionTokens => 24 }, "at once");

$c->close;
ollama()->open("g");
kept("then");
is_deeply([ledger()], [$record], "the record stays as it is");
nothing_left();



=== TEST 6: drain: while the last bytes are held
--- upstream
{ play => "0.24.0/chat-stream" }
--- steps
my $lock = AiApi::StoreLock->new(state_dir() . "/store");
my ($begin) = pieces_of(recording("0.24.0/chat-stream"));

for my $how (qw(close reset)) {
    my $lsn = last_lsn();
    my $key = key();

    $lock->hold;

    my $c = start($body);

    $c->read_head;
    $c->read_until(qr/^\Q$begin\E/);
    ollama()->wait_for(ended => 1);
    is($c->silent(0.2), 1, "$how: the last line is held");
    unlike($c->{body}, qr/"done":true/, "$how: it has not come");
    $c->$how;
    $lock->release;

    my $record = one_record($lsn, { promptTokens => 15, completionTokens => 24,
                                    cost => "0.000117", estimated => $no }, $how);

    like($record->{status}, qr/^(?:ok|client_abort)$/, "$how: status");
    kept($how);
    ollama()->reset;
    upstream({ play => "0.24.0/chat-stream" });
}

nothing_left();



=== TEST 7: after the end
--- upstream
{ play => "0.24.0/chat-stream" }
--- steps
for my $how (qw(close reset)) {
    my $lsn = last_lsn();
    my $c = start($body);

    $c->read_answer;
    $c->$how;

    one_record($lsn, { status => "ok", promptTokens => 15, completionTokens => 24 }, $how);
    kept($how);
}



=== TEST 8: cut: before the first byte
--- http_config
    ai_api_abort cut;
--- steps
for my $stream ($yes, $no) {
    for my $how (qw(close reset)) {
        my $lsn = last_lsn();
        my $name = ($stream ? "a stream" : "no stream") . ", $how";

        upstream({ play => "0.24.0/chat-stream", gate => "g" });

        my $c = start(json({ %question, stream => $stream }));

        ollama()->wait_for(waiting => 1, "g");
        $c->$how;
        ollama()->wait_for(closed => 1);

        my $record = one_record($lsn, { status => "client_abort" }, $name);

        is($record->{cost}, "0", "$name: without a cost") if $stream;
    }
}

nothing_left();



=== TEST 9: cut: in mid-stream
--- http_config
    ai_api_abort cut;
--- steps
for my $at (300, 1000, 2500) {
    for my $how (qw(close reset)) {
        my $lsn = last_lsn();

        upstream({ play => "0.24.0/chat-stream", cut => "lines", gate => "g",
                   gate_at => $at });

        my $c = start($body);

        $c->read_head;
        $c->read_until(qr/\n/);
        ollama()->wait_for(waiting => 1, "g");

        my $pieces = () = $c->{body} =~ /\n/g;

        $c->$how;
        ollama()->wait_for(closed => 1);

        my $record = one_record($lsn, { status => "client_abort", estimated => $yes,
                                        estimatedPrompt => $yes,
                                        estimatedCompletion => $yes }, "$how at $at");

        cmp_ok($record->{completionTokens}, ">=", $pieces, "$how at $at: the pieces");
        cmp_ok($record->{completionTokens}, "<=", 48, "$how at $at: not many more");
        cmp_ok($record->{promptTokens}, ">=", 1, "$how at $at: and a prompt");
    }
}

nothing_left();



=== TEST 10: drain for a while, then cut
--- http_config
    ai_api_abort drain 300ms;
--- upstream
{ play => "0.24.0/chat-stream", cut => "lines", gate => "g", gate_at => 1000 }
--- steps
my $c = start($body);

$c->read_head;
$c->read_until(qr/\n/);
ollama()->wait_for(waiting => 1, "g");
$c->close;
ollama()->wait_for(closed => 1);

my $record = one_record(0, { status => "client_abort", estimated => $yes }, "cut");

cmp_ok($record->{completionTokens}, ">=", 1, "what was seen is charged");
nothing_left();



=== TEST 11: drain, and Ollama dies meanwhile
--- no_error_log
[alert]
[crit]
[emerg]
--- upstream
{ play => "0.24.0/chat-stream", cut => "lines", gate => "g", gate_at => 1000,
  stop_after => 1500 }
--- steps
my $c = start($body);

$c->read_head;
$c->read_until(qr/\n/);
ollama()->wait_for(waiting => 1, "g");
$c->close;
ollama()->open("g");

my $record = one_record(0, { estimated => $yes }, "both");

like($record->{status}, qr/^(?:client_abort|upstream_error)$/, "status");
cmp_ok($record->{completionTokens}, ">=", 1, "what was seen is charged");
nothing_left();



=== TEST 12: a client that stops reading, and resets
--- http_config
    server {
        listen $TEST_NGINX_OWN_PORT sndbuf=8k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }
--- config
    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
$big
--- steps

for my $how (qw(close reset)) {
    my $lsn = last_lsn();

    ollama()->reset;
    upstream($big);

    my $c = start($body, port => $port, receive_buffer => 4096);

    $c->read_head;
    $c->read_until(qr/\n/);

    # Ollama's bytes stand still: nobody takes them
    my $sent = -1;
    wait_for(sub {
        my $now = ollama()->requests->[0]{sent};
        my $same = $now == $sent;
        $sent = $now;
        select undef, undef, undef, 0.1;
        return $same;
    });
    is(ollama()->state->{ended}, 0, "$how: the answer is not at its end");

    $c->$how;

    one_record($lsn, { status => "client_abort", promptTokens => 77,
                       completionTokens => 8000, estimated => $no }, $how);
    kept($how);
}

nothing_left();



=== TEST 13: ai_api_stall_timeout
--- http_config
    ai_api_stall_timeout 1s;

    server {
        listen $TEST_NGINX_OWN_PORT sndbuf=8k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }
--- config
    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
$big
--- steps
my $c = start($body, port => $port, receive_buffer => 4096);

$c->read_head;
$c->read_until(qr/\n/);

# it stays connected and takes nothing any more
one_record(0, { status => "client_abort", promptTokens => 77, completionTokens => 8000,
                estimated => $no }, "stalled");
kept("stalled");
nothing_left();

# a client that is slow but reads is no such client
reads_slowly(15, 0.1);



=== TEST 17: a client that reads slowly out of a large buffer of the kernel
--- http_config
    ai_api_stall_timeout 1s;

    server {
        listen $TEST_NGINX_OWN_PORT sndbuf=400k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }
--- config
    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
$big
--- steps
# nginx sends nothing for longer than a second, since a third of the buffer has
# to be empty before
reads_slowly(60, 0.05);



=== TEST 18: a client that stalls while Ollama goes on in small pieces
--- http_config
    ai_api_stall_timeout 1s;
    ai_api_buffer_size 1m;
    ai_api_abort cut;

    server {
        listen $TEST_NGINX_OWN_PORT sndbuf=8k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }
--- config
    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ ndjson => { pieces => 8000, prompt => 77, eval => 8000, text => "y" x 100, interval => 0.05 },
  cut => [200_000, (300) x 6000] }
--- steps
my $c = start($body, port => $port, receive_buffer => 4096);

$c->read_head;
$c->read_until(qr/\n/);

# each of them is room in nginx's buffer, and none is for the client
one_record(0, { status => "client_abort" }, "stalled");
cmp_ok(ollama()->requests->[0]{sent}, "<", 1_000_000, "long before that buffer is full");



=== TEST 14: a stalled client with cut
--- http_config
    ai_api_stall_timeout 500ms;
    ai_api_abort cut;

    server {
        listen $TEST_NGINX_OWN_PORT sndbuf=8k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }
--- config
    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
$big
--- steps
my $c = start($body, port => $port, receive_buffer => 4096);

$c->read_head;
$c->read_until(qr/\n/);
ollama()->wait_for(closed => 1);

my $record = one_record(0, { status => "client_abort", estimated => $yes }, "cut");

cmp_ok($record->{completionTokens}, ">=", 1, "what was seen is charged");
nothing_left();



=== TEST 15: a crowd that leaves
--- upstream
{ play => "0.24.0/chat-stream", cut => "lines", gate => "all", gate_at => 800 }
--- steps
my @pids = nginx_pids();
my $k = create_key(name => "crowd");
my @open = map { client() } 1 .. 40;

$_->send_request("POST", "/api/ai-service/chat", $body, "X-API-Key" => $k->{key})
    for @open;
ollama()->wait_for(waiting => 40, "all");
leave("close", map { $open[$_] } grep { $_ % 4 == 0 } 0 .. $#open);
leave("reset", map { $open[$_] } grep { $_ % 4 == 1 } 0 .. $#open);
ollama()->open("all");

my @stay = map { $open[$_] } grep { $_ % 4 > 1 } 0 .. $#open;

is((grep { $_->read_answer->{complete} } @stay), 20, "twenty have the whole answer");

my @records = records_after(0, 40);
my %status;

$status{$_->{status}}++ for @records;
is_deeply(\%status, { ok => 20, client_abort => 20 }, "forty records");

my $object = key_object($k->{id});

is_deeply([@$object{qw(usageCount requestCount cost)}], [1560, 40, "0.00468"], "the sum");
is_deeply([nginx_pids()], \@pids, "the same workers");
nothing_left();



=== TEST 16: drain, and its one worker is killed
--- no_error_log
[crit]
[emerg]
--- no_shutdown_error_log
[crit]
[emerg]
--- steps
for my $how (qw(close reset)) {
    my $lsn = last_lsn();

    upstream({ ndjson => { pieces => 1000, prompt => 77, eval => 1000 }, gate => "g",
               gate_at => 1000, stop_after => -50, stop => "hang" },
             { play => "0.24.0/chat-stream" });

    my $c = start($body);

    $c->read_head;
    $c->read_until(qr/\n/);
    ollama()->wait_for(waiting => 1, "g");

    my $seen = () = $c->{body} =~ /\n/g;

    $c->$how;
    ollama()->open("g");

    # its hold grows by 64 pieces as they pass, behind the client's end, too;
    # who answers then has done with all of them
    eventually(sub { ctl("top", "--json")->{json}{heldTokens} >= 1024 },
               "$how: nearly all have passed");
    is(request("GET", "/api/ai-service/nothing")->{status}, 401, "$how: the worker answers");

    my (undef, @workers) = nginx_pids(1);

    kill "KILL", @workers;

    my $r = one_record($lsn, { status => "worker_crash", estimated => $yes }, $how);

    cmp_ok($seen, "<", 100, "$how: the client saw few of them");
    cmp_ok($r->{completionTokens}, ">=", 960, "$how: what was drained is charged");
    nothing_left();
    ollama()->reset;
}
