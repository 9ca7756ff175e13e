# Everything at once: crowds that come and go, workers that are replaced or
# killed.  No limit is overrun, and what is left afterwards is exact.

use lib 't/lib';
use AiApi;
use AiApi::Http2;
use AiApi::Quota;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $port $strict $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;
$port = AiApi::Setup::free_port();

# a bound of 200 tokens for every prompt
$strict = "ai_api_quota strict; ai_api_context_length 200;";

workers(4);
worker_connections(1024);

add_block_preprocessor(sub {
    my ($block) = @_;

    my $http = defined $block->http_config ? $block->http_config : "";

    $block->set_value("http_config", $http . <<"EOC");
    ai_api_max_output_tokens 100;

    server {
        listen 127.0.0.1:$port http2;
        http2_max_concurrent_streams 200;

        location /api/ai-service/ {
            ai_api_pass http://ollama;
            $strict
        }
    }
EOC

    $block->set_value("config", <<"EOC");
    add_header X-Worker \$pid always;

    location /strict/ {
        ai_api_pass http://ollama;
        $strict
    }

    location /strict_cut/ {
        ai_api_pass http://ollama;
        $strict
        ai_api_abort cut;
    }

    location /estimate/ {
        ai_api_pass http://ollama;
    }

    location /estimate_cut/ {
        ai_api_pass http://ollama;
        ai_api_abort cut;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
EOC
});


sub user_with {
    my ($limit, $count) = @_;

    my $user = "user" . ++$users;
    my @keys = map { create_key(name => "x", user => $user) } 1 .. $count;

    set_user($user, { usageLimit => $limit });

    return ($user, @keys);
}


# What the n-th client does once it has sent its request: in turn it stays, or
# goes before, or in the midst of its answer.

sub behave {
    my ($n, $c) = @_;

    my $how = $n % 8;

    if ($how == 1) {
        $c->close;

    } elsif ($how == 3) {
        $c->reset;

    } elsif ($how == 5 || $how == 7) {
        $c->read_head;
        $c->read_body(sub { $c->{body} =~ /\n/ });
        $how == 5 ? $c->close : $c->reset;

    } else {
        return $c;
    }

    return;
}


sub storm {
    my ($place, $reload, @keys) = @_;

    my @stay;

    for my $wave (0 .. 3) {
        my @crowd = map { client() } 1 .. 40;

        for my $n (0 .. $#crowd) {
            # those that leave in the midst of it have a stream
            my $body = question("chat", 40, stream => $n % 8 == 2 ? $no : $yes);

            $crowd[$n]->send_request("POST", "/$place/chat", $body,
                                     "X-API-Key" => $keys[$n % @keys]{key});
        }

        reload_nginx(4) if $reload && $wave == 2;
        push @stay, grep { defined } map { behave($_, $crowd[$_]) } 0 .. $#crowd;
    }

    my %seen;

    $seen{$_->{status} . ($_->{complete} ? "" : " torn")}++ for answers(@stay);

    return \%seen;
}


run_tests();

__DATA__

=== TEST 1: a storm
--- steps
for my $row (["strict", 200], ["strict_cut", 200], ["estimate", 10], ["estimate_cut", 10]) {
    my ($place, $prompt) = @$row;
    my ($user, @keys) = user_with(6000, 5);
    my $before = sums();

    upstream({ ndjson => { pieces => 60, prompt => 10, obey => 1, interval => 0.001 } });

    my $seen = storm($place, $place !~ /cut/, @keys);

    is(join(" ", grep { !/^(?:200|429)$/ } keys %$seen), "", "$place: 200 or 429")
        or diag(json($seen));
    idle();

    my $sum = sums();
    my $used = user_object($user)->{usageCount};

    # Ollama may have some that nobody waits for any more, still to be read
    my $records = $sum->{requests} - $before->{requests};

    wait_for(sub { sent_count() >= $records });
    is(sent_count(), $records, "$place: a record for each request that Ollama got");
    # what the last one that was refused left no room for
    cmp_ok($records, ">=", 10, "$place: as many as fit at least");
    is($sum->{tokens} - $before->{tokens}, $used, "$place: the sum of them");
    cmp_ok($used, "<=", 6000 + ($place =~ /strict/ ? 0 : sent_count()), "$place: the limit");

    # nothing is held: all of what is left may be asked for
    set_user($user, { usageLimit => $used + $prompt + 50 });
    upstream({ ndjson => { pieces => 1, prompt => 1, obey => 1 } });

    my $r = chat(question("chat", 40), key => $keys[0]{key}, prefix => "/$place");

    is($r->{status}, 200, "$place: the rest");
    is(num_predict(scalar sent_upstream()), 50, "$place: to the last token");
}



=== TEST 2: a worker is killed: what it held comes back
--- no_error_log
[crit]
[emerg]
--- no_shutdown_error_log
[crit]
[emerg]
--- steps
for my $place (qw(strict estimate)) {
    my ($user, $k) = user_with($place eq "strict" ? 3000 : 740, 1);

    # of these 50 are seen before it is killed
    upstream(stream_rule("chat", pieces => 100, gate => "g", behind => 50));

    # ten holds: 200 and 100, or 10 and 64
    my @open = map { client() } 1 .. 10;
    my $body = question("chat", 40, stream => $yes);

    for my $c (@open) {
        $c->send_request("POST", "/$place/chat", $body, "X-API-Key" => $k->{key});
        $c->{first} = $c->read_head;
        $c->read_until(qr/(?:.*\n){50}/);
    }

    is((grep { $_->{first}{status} == 200 } @open), 10, "$place: ten run");
    ollama()->wait_for(waiting => 10, "g");

    my $victim = $open[0]{first}{headers}{"x-worker"};
    my @its = grep { $_->{first}{headers}{"x-worker"} == $victim } @open;

    is(chat($body, key => $k->{key}, prefix => "/$place")->{status}, 429,
       "$place: nothing is left");
    kill "KILL", $victim;

    # they are charged for what was seen, the others go on
    eventually(sub { stats()->{inFlight} == 10 - @its }, "$place: the others run");

    my @crash = grep { $_->{status} eq "worker_crash" && $_->{user} eq $user }
        ledger("?limit=10000");

    is(scalar @crash, scalar @its, "$place: a record each");
    is((grep { $_->{estimated} && $_->{completionTokens} >= 50 && $_->{completionTokens} <= 64 }
        @crash), scalar @its, "$place: of what was seen");
    is((grep { $_->{httpStatus} == 200 && $_->{promptTokens} >= 1 && $_->{estimatedPrompt} }
        @crash), scalar @its, "$place: with the prompt, of an answer that had begun");

    ollama()->open("g");
    $_->read_body for grep { $_->{first}{headers}{"x-worker"} != $victim } @open;
    idle();

    # to the last token
    my $used = user_object($user)->{usageCount};
    my $prompt = $place eq "strict" ? 200 : 10;

    set_user($user, { usageLimit => $used + $prompt + 50 });
    upstream({ ndjson => { pieces => 1, prompt => 1, obey => 1 } });
    is(chat(question("chat", 40), key => $k->{key}, prefix => "/$place")->{status}, 200,
       "$place: the rest");
    is(num_predict(scalar sent_upstream()), 50, "$place: to the last token");
}



=== TEST 3: 150 streams of one HTTP/2 connection, of a key that can pay for ten
--- steps
my $k = create_key(name => "x", usageLimit => 3000);
my $h = AiApi::Http2->new($port);

upstream({ ndjson => { pieces => 1000, prompt => 200, text => "x", obey => 1 }, gate => "g" });

my @ids = map { $h->request("POST", "/api/ai-service/chat", question("chat", 40, stream => $yes),
                            "x-api-key" => $k->{key}) } 1 .. 150;

$h->until(sub { 140 <= grep { $h->stream($_)->{ended} } @ids });
ollama()->wait_for(waiting => 10, "g");
is((grep { ($h->stream($_)->{status} || 0) == 429 } @ids), 140, "140 are refused");
ollama()->open("g");
$h->until(sub { 150 <= grep { $h->stream($_)->{ended} } @ids });
is((grep { $h->stream($_)->{status} == 200 && whole_stream($h->stream($_)->{body}, 100) } @ids),
   10, "ten have their answers");
is(key_object($k->{id})->{usageCount}, 3000, "all that there was, and no more");
idle();



=== TEST 4: thinking and tool calls are pieces too
--- steps
# a model that runs twice because of "format" says more than its cap
my $head = "HTTP/1.1 200 OK\nContent-Type: application/x-ndjson";
my $thinks = '{"model":"llama3","message":{"role":"assistant","content":"","thinking":"x"},'
    . qq("done":false}\n);
my $calls = '{"model":"llama3","message":{"role":"assistant","content":"","tool_calls":'
    . '[{"function":{"name":"f","arguments":{"done":true,"eval_count":1}}}]},"done":false}' . "\n";
my $says = qq({"model":"llama3","message":{"role":"assistant","content":"x"},"done":false}\n);
my $done = '{"model":"llama3","message":{"role":"assistant","content":""},"done":true,'
    . qq("done_reason":"stop","prompt_eval_count":10,"eval_count":90}\n);

for my $row (["thinking, then an answer", ($thinks) x 90, ($says) x 90, $done],
             ["thinking without an end", ($thinks) x 300, $done],
             ["tool calls", ($calls) x 200, $done])
{
    my ($name, @lines) = @$row;
    my $k = create_key(name => "x", usageLimit => 110);

    upstream({ path => "/api/chat", raw => chunked($head, @lines), stop_after => -5,
               stop => "hang" });

    my $r = chat(question("chat", 40, stream => $yes, format => "json", think => $yes),
                 key => $k->{key}, prefix => "/estimate");

    is(num_predict(scalar sent_upstream()), 100, "$name: its cap");
    ok($r->{complete}, "$name: a clean end");
    like($r->{body}, qr/"done_reason":"length".*\}\n\z/, "$name: nothing is left");
    ollama()->wait_for(closed => 1);
    cmp_ok(key_object($k->{id})->{usageCount}, "<=", 111, "$name: one piece over it at most");
}

idle();
