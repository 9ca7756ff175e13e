# Holds that come back whatever becomes of a request, and streams that are cut
# because nothing is left: to whom, and how.

use lib 't/lib';
use AiApi;
use AiApi::Http2;
use AiApi::Quota;
use AiApi::Running;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $obedient $h2_port $dead_port $small_port);

$yes = JSON::PP::true;
$no = JSON::PP::false;
$obedient = { ndjson => { pieces => 400, prompt => 100, text => "x", obey => 1 } };
$h2_port = AiApi::Setup::free_port();
$small_port = AiApi::Setup::free_port();
$dead_port = AiApi::Setup::free_port();

# A JSON answer to 400 bytes holds 300, a stream 164 at first.

add_block_preprocessor(sub {
    my ($block) = @_;
    my $http = defined $block->http_config ? $block->http_config : "";

    $block->set_value("http_config", $http . <<"EOC");
    ai_api_max_output_tokens 200;

    server {
        listen 127.0.0.1:$h2_port http2 sndbuf=4k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }

    server {
        listen 127.0.0.1:$small_port sndbuf=8k;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
        }
    }
EOC

    $block->set_value("config", <<"EOC");
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /hasty/ {
        ai_api_pass http://ollama;
        ai_api_read_timeout 500ms;
    }

    location /dead/ {
        ai_api_pass http://127.0.0.1:$dead_port;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
EOC
});


# All 300 are there again: one request has them, a second one nothing.

sub all_back {
    my ($k, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    idle();

    my $used = key_object($k->{id})->{usageCount};

    set_key($k, { usageLimit => $used + 300 });
    upstream({ %$obedient, gate => "all" });

    my @two = crowd(2, sub { ("chat", question("chat", 400), $k->{key}) });

    is(scalar(decided("all", @two)), 1, "$name: one of two is admitted");
    is_deeply([caps_sent()], [200], "$name: with all that is left");
    ollama()->open("all");
    answers(@two);
    set_key($k, { usageLimit => $used + 600 });
}


sub refused_now {
    my ($k, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is(chat(question("chat", 400), key => $k->{key})->{status}, 429,
       "$name: nothing is left meanwhile");
}


# 164 tokens for a stream, 300 for another request.

sub for_two {
    my ($k) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    set_key($k, { usageLimit => key_object($k->{id})->{usageCount} + 464 });
}


# A stream of 400 pieces that stands behind ten; its hold is all that is left.

sub last_stream {
    my ($c, $route, $k, %rule) = @_;

    for_two($k);
    upstream(stream_rule($route, pieces => 400, gate => "g", behind => 10,
                         stop_after => -5, stop => "hang", %rule), $obedient);

    $c->send_request("POST", "/api/ai-service/$route",
                     question($route, 400, stream => $yes), "X-API-Key" => $k->{key});

    my $head = $c->read_head;

    $c->read_until(qr/(?:.*\n){10}/);
    ollama()->wait_for(waiting => 1, "g");
    take_rest($k->{key});

    return $head;
}


sub small {
    return AiApi::Client->new($small_port, receive_buffer => 4096);
}


# The record of a stream of which nobody saw the end.

sub cut_record {
    my ($lsn, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($r, @more) = grep { $_->{stream} } records_after($lsn, 2);

    is(scalar @more, 0, "$name: one record");
    like($r->{status}, qr/^(?:cut_quota|client_abort)$/, "$name: status");
    ok($r->{estimated}, "$name: estimated");
    cmp_ok($r->{completionTokens}, ">=", 64, "$name: what it held");
    cmp_ok($r->{promptTokens} + $r->{completionTokens}, "<=", 165, "$name: one piece more");
}


run_tests();

__DATA__

=== TEST 1: the client leaves, Ollama's answer is drained
--- steps
my $k = create_key(name => "x", usageLimit => 300);

for my $row (["before the first byte", $no, 0], ["in the middle", $no, -20],
             ["before the first piece", $yes, 0], ["in mid-stream", $yes, 2000])
{
    for my $how (qw(close reset)) {
        my ($when, $stream, $at) = @$row;
        my $name = "$when, $how";

        upstream({ %$obedient, gate => "g", gate_at => $at });
        set_key($k, { usageLimit => key_object($k->{id})->{usageCount} + ($stream ? 164 : 300) });

        my ($c) = crowd(1, sub { ("chat", question("chat", 400, stream => $stream), $k->{key}) });

        ollama()->wait_for(waiting => 1, "g");
        refused_now($k, $name);
        $c->$how;
        ollama()->open("g");
        all_back($k, $name);
    }
}



=== TEST 2: the client leaves, Ollama is cut off
--- http_config
    ai_api_abort cut;
--- steps
my $k = create_key(name => "x", usageLimit => 300);

for my $row (["before the first byte", $no, 0], ["before the first piece", $yes, 0],
             ["in mid-stream", $yes, 2000])
{
    for my $how (qw(close reset)) {
        my ($when, $stream, $at) = @$row;
        my $name = "$when, $how";

        upstream({ %$obedient, gate => "g", gate_at => $at });
        set_key($k, { usageLimit => key_object($k->{id})->{usageCount} + ($stream ? 164 : 300) });

        my ($c) = crowd(1, sub { ("chat", question("chat", 400, stream => $stream), $k->{key}) });

        ollama()->wait_for(waiting => 1, "g");
        refused_now($k, $name);
        $c->$how;
        ollama()->wait_for(closed => 1);
        all_back($k, $name);
    }
}



=== TEST 3: the client stalls
--- http_config
    ai_api_stall_timeout 300ms;
--- steps
my $k = create_key(name => "x", usageLimit => 300);
my $c = small();

upstream({ ndjson => { pieces => 200, prompt => 100, text => "y" x 2000, obey => 1 } });
$c->send_request("POST", "/api/ai-service/chat", question("chat", 400, stream => $yes),
                 "X-API-Key" => $k->{key});
$c->read_head;
$c->read_until(qr/\n/);

# it takes no more
my ($r) = records_after(0, 1);

is_deeply([@$r{qw(status promptTokens completionTokens)}], ["client_abort", 100, 200],
          "its record");
refused_now($k, "all was used");
all_back($k, "a stalled client");



=== TEST 4: Ollama's errors
--- no_error_log
[alert]
[crit]
[emerg]
--- steps
my $k = create_key(name => "x", usageLimit => 300);

for my $row (["404", 404, { raw => http_answer(404, '{"error":"model not found"}') }],
             ["400", 400, { raw => http_answer(400, '{"error":"bad"}') }],
             ["500", 502, { raw => http_answer(500, '{"error":"x"}') }],
             ["503", 503, { raw => http_answer(503, '{"error":"busy"}') }],
             ["it hangs up", qr/^50[234]$/, { raw => "", stop_after => 0 }],
             ["no answer", 504, { raw => "", stop_after => 0, stop => "hang" }, "/hasty"],
             ["rubbish", 502, { raw => "rubbish\r\n\r\n" }])
{
    my ($name, $status, $rule, $prefix) = @$row;

    for my $stream ($yes, $no) {
        upstream($rule);

        my $r = chat(question("chat", 400, stream => $stream), key => $k->{key},
                     prefix => $prefix);

        like($r->{status}, ref $status ? $status : qr/^$status$/, "$name: status");
        all_back($k, $name);
    }
}



=== TEST 5: Ollama cannot be reached
--- no_error_log
[alert]
[crit]
[emerg]
--- steps
my $k = create_key(name => "x", usageLimit => 300, requestLimit => 4);

for my $stream ($yes, $no) {
    for (1 .. 5) {
        my $r = chat(question("chat", 400, stream => $stream), key => $k->{key},
                     prefix => "/dead");

        refused($r, 503, "OLLAMA_CONNECTION_ERROR", "not a request of four");
    }
}

no_record(0, "no record");
all_back($k, "unreachable");



=== TEST 6: what the gate refuses has held nothing
--- upstream
$obedient
--- steps
my $k = create_key(name => "x", usageLimit => 300, models => ["llama3*"],
                   requestLimit => 1);

for my $row (["{", 400], ['{"model":"llama3"}', 400],
             ['{"model":"llama3","messages":"x"}', 400],
             [question("chat", 400, options => "x"), 400],
             [question("chat", 400, model => "mistral"), 403])
{
    is(chat($row->[0], key => $k->{key})->{status}, $row->[1], "refused: $row->[0]")
        for 1 .. 3;
}

set_key($k, { requestLimit => undef });
all_back($k, "refused");



=== TEST 7: the client leaves while it sends its body
--- steps
my $k = create_key(name => "x", usageLimit => 300);
my $body = question("chat", 400);

for my $sent (0, 100, length($body) - 1) {
    for my $how (qw(close reset)) {
        my $c = client();

        $c->write("POST /api/ai-service/chat HTTP/1.1\r\nHost: x\r\nX-API-Key: $k->{key}\r\n"
                  . "Content-Length: " . length($body) . "\r\n\r\n" . substr $body, 0, $sent);
        $c->$how;
    }
}

all_back($k, "never sent");



=== TEST 8: the last piece that fits, the first that does not
--- steps
for my $route (qw(chat generate api/chat api/generate)) {
    for my $pieces (1, 63, 64, 66, 130) {
        my $name = "$route, $pieces of 64";
        my $k = create_key(name => "x", usageLimit => 1000);
        my $c = client();

        for_two($k);
        upstream(stream_rule($route, pieces => $pieces, gate => "g", behind => 0), $obedient);
        $c->send_request("POST", "/api/ai-service/$route",
                         question($route, 400, stream => $yes), "X-API-Key" => $k->{key});

        my $head = $c->read_head;

        ollama()->wait_for(waiting => 1, "g");
        take_rest($k->{key});
        ollama()->open("g");
        ok($c->read_body, "$name: a clean end");

        if ($pieces <= 64) {
            ok(whole_stream($c->{body}, $pieces), "$name: Ollama's own end");
            charged($head, { status => "ok", estimated => $no, completionTokens => $pieces },
                    "$name: charged");

        } else {
            my $end = cut_end($c->{body}, $route, $name);
            my ($r, @more) = records_of($head);

            # it has the end of its answer, so it is in the ledger
            is(scalar @more, 0, "$name: one record");
            is_deeply([@$r{qw(status promptTokens completionTokens)}],
                      ["cut_quota", @$end{qw(prompt completion)}],
                      "$name: the counts of the final line are charged");
            cmp_ok($end->{completion}, "<=", 65, "$name: one piece over it at most");
        }
    }
}

idle();



=== TEST 9: an Ollama that takes no heed of its cap
--- steps
for my $route (qw(chat generate)) {
    my $k = create_key(name => "x", usageLimit => 300);

    upstream(stream_rule($route, pieces => 400, stop_after => -5, stop => "hang"));

    my $r = AiApi::Check::service($route, question($route, 400, stream => $yes),
                                  key => $k->{key});

    is(num_predict(scalar sent_upstream()), 200, "$route: its cap");
    ollama()->wait_for(closed => 1);
    cut_end($r->{body}, $route, $route);
    cmp_ok(key_object($k->{id})->{usageCount}, "<=", 301, "$route: one piece over it");
}

idle();



=== TEST 10: a prompt that is more than was thought
--- steps
my $k = create_key(name => "x", usageLimit => 300);

upstream({ ndjson => { pieces => 400, prompt => 1000, obey => 1 } });

my $r = chat(question("chat", 400, stream => $yes), key => $k->{key});

ok(whole_stream($r->{body}, 200), "the answer");
charged($r, { status => "ok", promptTokens => 1000, completionTokens => 200 }, "as it was");
refused_now($k, "then");
idle();



=== TEST 11: the same connection goes on
--- steps
my $k = create_key(name => "x", usageLimit => 1000);
my $c = client();

for my $route (qw(chat generate)) {
    last_stream($c, $route, $k);
    ollama()->open("g");
    ok($c->read_body, "$route: a clean end");
    cut_end($c->{body}, $route, $route);
    ollama()->wait_for(closed => 1);

    $c->send_request("POST", "/api/ai-service/$route", question($route, 400),
                     "X-API-Key" => $k->{key});
    is($c->read_answer->{status}, 429, "$route: nothing is left");
    set_key($k, { usageLimit => undef });
    $c->send_request("POST", "/api/ai-service/$route", question($route, 400),
                     "X-API-Key" => $k->{key});
    ok(is_answer($c->read_answer), "$route: the next answer");
}

idle();



=== TEST 12: a client that is slow
--- steps
for my $route (qw(chat generate)) {
    for my $how (["whole"], ["lines"]) {
        my $k = create_key(name => "x", usageLimit => 1000);
        my $c = small();
        my $head = last_stream($c, $route, $k, text => "y" x 1000, cut => $how->[0]);

        ollama()->open("g");

        # nginx has more than its client's buffers take
        wait_for(sub { unsent($small_port) }, 5);

        ok($c->read_body, "$route: a clean end");

        my $end = cut_end($c->{body}, $route, "$route, @$how");

        cmp_ok($end->{pieces}, ">=", 64, "$route: what it held");
        cmp_ok($end->{pieces}, "<=", 65, "$route: one piece over it at most");
        ollama()->wait_for(closed => 1);
        charged($head, { status => "cut_quota", completionTokens => $end->{completion} },
                "$route: the record");
    }
}

idle();



=== TEST 13: a client that has left: cut while it is drained
--- steps
for my $route (qw(chat generate)) {
    for my $how (qw(close reset)) {
        for my $cut (qw(whole lines)) {
            my $name = "$route, $how, $cut";
            my $k = create_key(name => "x", usageLimit => 1000);
            my $c = client();
            my $lsn = last_lsn();

            last_stream($c, $route, $k, cut => $cut);
            $c->$how;
            ollama()->open("g");
            ollama()->wait_for(closed => 1);
            cut_record($lsn, $name);
            all_back($k, $name);
        }
    }
}



=== TEST 14: a client that stalls: cut while it is drained
--- http_config
    ai_api_stall_timeout 300ms;
--- steps
my $k = create_key(name => "x", usageLimit => 1000);
my $c = small();

# before the gate are ten pieces that no buffer is too small for, however long
# their client does not run
last_stream($c, "chat", $k, text => "x", large => "y" x 1000);
ollama()->open("g");
ollama()->wait_for(closed => 1);
cut_record(0, "stalled");
all_back($k, "stalled");



=== TEST 15: the client leaves when its stream was cut
--- steps
for my $how (qw(close reset)) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my $c = client();
    my $lsn = last_lsn();

    last_stream($c, "chat", $k);
    ollama()->open("g");
    $c->read_until(qr/(?:.*\n){64}/);
    $c->$how;
    ollama()->wait_for(closed => 1);
    cut_record($lsn, $how);
    all_back($k, $how);
}



=== TEST 16: HTTP/2: one stream is cut, the others go on
--- steps
my $poor = create_key(name => "poor", usageLimit => 1000);
my $rich = create_key(name => "rich");
my $h = AiApi::Http2->new($h2_port);
my $start = sub {
    my ($route, $k) = @_;
    return $h->request("POST", "/api/ai-service/$route",
                       question($route, 400, stream => $yes), "x-api-key" => $k->{key});
};

for my $route (qw(chat generate)) {
    for_two($poor);
    upstream(stream_rule($route, pieces => 200, gate => "g", behind => 10), $obedient);

    my @ids = map { $start->($route, $_) } $rich, $poor, $rich;

    for my $id (@ids) {
        $h->until(sub { $h->stream($id)->{body} =~ /(?:.*\n){10}/ });
    }

    ollama()->wait_for(waiting => 3, "g");
    take_rest($poor->{key});
    ollama()->open("g");

    for my $n (0 .. 2) {
        my $s = $h->stream($ids[$n]);

        $h->until(sub { $s->{ended} || $s->{reset} });
        ok($s->{ended} && !$s->{reset}, "$route, $n: a clean end");

        if ($n == 1) {
            my $end = cut_end($s->{body}, $route, "$route, the poor one");
            cmp_ok($end->{pieces}, "<=", 65, "$route: one piece over it at most");

        } else {
            ok(whole_stream($s->{body}, 200), "$route, $n: whole");
        }
    }
}

is_deeply(sums()->{status}, { ok => 6, cut_quota => 2 }, "the records");
idle();



=== TEST 17: HTTP/2: a stream that is reset, a window that stays shut
--- http_config
    ai_api_stall_timeout 300ms;
--- steps
for my $how (qw(reset close window)) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my $h = AiApi::Http2->new($h2_port, $how eq "window" ? (window => 3000) : ());
    my $lsn = last_lsn();

    for_two($k);
    upstream(stream_rule("chat", pieces => 400, gate => "g", behind => 10, text => "y" x 1000,
                         stop_after => -5, stop => "hang"), $obedient);

    my $id = $h->request("POST", "/api/ai-service/chat", question("chat", 400, stream => $yes),
                         "x-api-key" => $k->{key});

    $h->until(sub { $h->stream($id)->{body} =~ /\n/ });
    ollama()->wait_for(waiting => 1, "g") if $how ne "window";
    take_rest($k->{key});

    if ($how eq "reset") {
        $h->reset($id);
        $h->ping;

    } elsif ($how eq "close") {
        $h->close;
    }

    ollama()->open("g");
    ollama()->wait_for(closed => 1);
    cut_record($lsn, $how);
    all_back($k, $how);
}
