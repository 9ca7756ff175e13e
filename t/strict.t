# Mode "strict": a request sets aside the most that it can cost, so that no
# limit is ever overrun.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $greedy $modest $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;

# all that may be: a prompt of 200 tokens and the whole cap
$greedy = { ndjson => { pieces => 1000, prompt => 200, text => "x", obey => 1 } };
$modest = { ndjson => { pieces => 5, prompt => 10, obey => 1 } };

workers(4);
worker_connections(1024);


# A bound of 200 tokens for every prompt and 100 of output: holds of 300.

add_block_preprocessor(sub {
    my ($block) = @_;

    return if defined $block->other;

    my $http = defined $block->http_config ? $block->http_config : "";

    $block->set_value("http_config", $http . <<'EOC');
    ai_api_quota strict;
    ai_api_context_length 200;
    ai_api_max_output_tokens 100;
EOC
});


sub fresh_user {
    return "user" . ++$users;
}


# The cap of this request, or its refusal.

sub cap_of {
    my ($route, $body, $key) = @_;

    my $r = AiApi::Check::service($route, $body, key => $key->{key});

    return $r if $r->{status} != 200;
    return num_predict(scalar sent_upstream());
}


# Nothing was used yet, and so many tokens are left.

sub with_left {
    return create_key(name => "x", user => fresh_user(), usageLimit => $_[0]);
}


sub crowd_of {
    my ($count, $body, @keys) = @_;

    return crowd($count, sub { ("chat", $body, $keys[$_[0] % @keys]{key}) });
}


run_tests();

__DATA__

=== TEST 1: the cap is what is left behind the prompt's bound
--- upstream
$modest
--- steps
my @ways = map { [$_, $yes], [$_, $no] } qw(chat generate api/chat api/generate);
my $n = 0;

# [left, asked for, cap]
for my $row ([1000, undef, 100], [300, undef, 100], [299, undef, 99], [201, undef, 1],
             [250, 70, 50], [250, 50, 50], [250, 49, 49], [250, 1, 1], [1000, 0, 100],
             [1000, -1, 100], [1000, -2, 100], [250, -1, 50], [1000, 101, 100],
             [250, 2147483647, 50])
{
    my ($left, $asked, $cap) = @$row;
    my %options = defined $asked ? (options => { num_predict => $asked }) : ();

    # each way in turn
    for (1 .. 3) {
        my ($route, $stream) = @{ $ways[$n++ % @ways] };

        is(cap_of($route, question($route, 8, stream => $stream, %options), with_left($left)),
           $cap, "$route, stream " . json($stream) . ", $left left, " . json($asked)
           . " asked for");
    }
}



=== TEST 2: too little is left
--- upstream
$modest
--- steps
for my $left (1, 199, 200) {
    for my $stream ($yes, $no) {
        my $k = with_left($left);
        my $r = cap_of("chat", question("chat", 8, stream => $stream), $k);

        refused($r, 429, "RATE_LIMIT_EXCEEDED", "$left left", qr/: $left tokens left$/);
        is($r->{headers}{"retry-after"}, undef, "$left left: time does not help");
        is(limit_headers($r), "$left $left", "$left left: RateLimit");

        $r = chat(question("chat", 8), key => $k->{key}, "Accept-Language" => "en");
        refused($r, 429, "RATE_LIMIT_EXCEEDED", "$left left, in English",
                qr/^[ -~]+: $left tokens left$/);
    }
}

refused(cap_of("chat", question("chat", 8), with_left(0)), 429, "RATE_LIMIT_EXCEEDED",
        "nothing is left");
is(sent_count(), 0, "Ollama hears of none");
no_record(0, "no record");



=== TEST 3: money
--- http_config
    ai_api_price dear input=0.001 output=0.002;
    ai_api_price gift input=0 output=0;
--- upstream
$modest
--- steps
# 200 tokens of llama3 cost 0.0006, of "dear" 0.0002
for my $row (["llama3", "1", 100], ["llama3", "0.0009", 100], ["llama3", "0.000899999", 99],
             ["llama3", "0.000603", 1], ["dear", "0.0004", 100], ["dear", "0.0003", 50],
             ["dear", "0.000202", 1], ["dear", "0.000203999", 1], ["gift", "0.000000001", 100])
{
    my ($model, $limit, $cap) = @$row;
    my $k = create_key(name => "x", user => fresh_user(), costLimit => $limit);

    is(cap_of("chat", question("chat", 8, model => $model), $k), $cap, "$model, $limit");
}

for my $row (["llama3", "0.000602999"], ["dear", "0.000201"], ["llama3", "0.000000001"]) {
    my ($model, $limit) = @$row;
    my $k = create_key(name => "x", user => fresh_user(), costLimit => $limit);

    refused(cap_of("chat", question("chat", 8, model => $model), $k), 429,
            "RATE_LIMIT_EXCEEDED", "$model, $limit", qr/: \Q$limit\E left of the cost limit$/);
}

# the smaller of all of them
for my $row ([{ usageLimit => 250, costLimit => "0.00066" }, 20],
             [{ usageLimit => 210, costLimit => "0.00066" }, 10])
{
    my $k = create_key(name => "x", user => fresh_user(), %{ $row->[0] });

    is(cap_of("chat", question("chat", 8), $k), $row->[1], json($row->[0]));
}



=== TEST 4: key and user, life, day and month: the smallest
--- upstream
$modest
--- steps
away_from_midnight();

for my $row ([{ usageLimit => 260 }, { usageLimit => 230 }, 30],
             [{ usageLimit => 230 }, { usageLimit => 260 }, 30],
             [{ limits => { day => { tokens => 240 } } }, { usageLimit => 260 }, 40],
             [{ limits => { month => { tokens => 240 } } }, {}, 40],
             [{ limits => { month => { tokens => 240 }, day => { tokens => 241 } } }, {}, 40],
             [{}, { limits => { day => { tokens => 222 } } }, 22],
             [{}, { limits => { month => { cost => "0.000666" } } }, 22],
             [{}, { limits => { day => { cost => "0.000603" }, month => { tokens => 299 } } },
              1])
{
    my ($of_key, $of_user, $cap) = @$row;
    my $user = fresh_user();
    my $k = create_key(name => "x", user => $user, %$of_key);

    set_user($user, $of_user) if %$of_user;
    is(cap_of("chat", question("chat", 8), $k), $cap, "key " . json($of_key));
}



=== TEST 5: the bound of a prompt: its body and the overhead
--- other
--- http_config
    ai_api_quota strict;
    ai_api_max_output_tokens 100;
    ai_api_context_length 5000;
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /fifty/ {
        ai_api_pass http://ollama;
        ai_api_context_length 5000 overhead=50;
        ai_api_allow template;
    }

    location /none/ {
        ai_api_pass http://ollama;
        ai_api_context_length 5000 overhead=0;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
$modest
--- steps
# Two caps that are clamped tell it: once below the context's, once below the
# body's bound.
my $bound = sub {
    my ($route, $body) = @_;

    for my $left (5050, length($body) + 90) {
        my $r = AiApi::Check::service($route, $body, key => with_left($left)->{key},
                                      prefix => "/fifty");
        my $cap = $r->{status} == 200 ? num_predict(scalar sent_upstream()) : 0;

        return $left - $cap if $cap > 0 && $cap < 100;
    }

    return "no bound";
};

for my $route (qw(chat generate)) {
    for my $bytes (1, 100, 3000) {
        my $body = question($route, $bytes, stream => $no);

        is($bound->($route, $body), length($body) + 50, "$route of $bytes, 50 more");
    }
}

my $body = question("chat", 100, stream => $yes);
my $left = length($body) + 512;

refused(cap_of("chat", $body, with_left($left)), 429, "RATE_LIMIT_EXCEEDED",
        "512 more by default", qr/: $left tokens left$/);
is(cap_of("chat", $body, with_left($left + 1)), 1, "and one");

my $r = chat($body, prefix => "/none", key => with_left(length($body) + 1)->{key});
is("$r->{status} " . num_predict(scalar sent_upstream()), "200 1", "overhead=0");

# what is more than its bytes: the whole context
is($bound->($_->[0], question($_->[0], 8, stream => $no, %{ $_->[1] })), 5000,
   "the whole context: $_->[2]")
    for ["chat", { messages => [{ role => "user", content => "x", images => ["aGk="] }] },
         "an image"],
        ["chat", { tools => [{ type => "function", function => { name => "f" } }] }, "tools"],
        ["generate", { images => ["aGk="] }, "an image of generate"],
        ["generate", { suffix => "x" }, "suffix"],
        ["generate", { context => [1, 2, 3] }, "context"],
        ["generate", { template => "{{ .Prompt }}" }, "template"],
        ["chat", { messages => [{ role => "user", content => "x" x 6000 }] }, "a long one"];



=== TEST 6: "format" may run twice
--- upstream
$modest
--- steps
# [members, left, cap]
for my $row ([{ format => "json" }, 1000, 100], [{ format => "json" }, 400, 100],
             [{ format => "json" }, 399, 99], [{ format => "json" }, 300, 50],
             [{ format => "json" }, 202, 1], [{ format => { type => "object" } }, 300, 50],
             [{ format => "json", think => $yes }, 300, 50],
             [{ format => "json", think => $no }, 300, 100],
             [{ think => $yes }, 300, 100], [{ format => JSON::PP::null }, 300, 100])
{
    my ($more, $left, $cap) = @$row;

    for my $route (qw(chat generate)) {
        for my $stream ($yes, $no) {
            is(cap_of($route, question($route, 8, stream => $stream, %$more),
                      with_left($left)), $cap, "$route, " . json($more) . ", $left left");
        }
    }
}

refused(cap_of("chat", question("chat", 8, format => "json"), with_left(201)), 429,
        "RATE_LIMIT_EXCEEDED", "one token and another", qr/: 201 tokens left$/);

# two run, and 200 are not enough for a third
upstream({ %$modest, gate => "g" });

my $k = with_left(1000);
my @crowd = crowd_of(5, question("chat", 8, format => "json"), $k);

is(scalar(decided("g", @crowd)), 3, "holds of 400");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 2, "two answers");



=== TEST 7: 200 at once, of someone who can pay for ten
--- upstream
+{ %$greedy, gate => "g" }
--- steps
away_from_midnight();

my $n = 0;

for my $row (["tokens of a key", 1, { usageLimit => 3000 }],
             ["tokens of a key", 1, { usageLimit => 3000 }],
             ["money of a key", 1, { costLimit => "0.009" }],
             ["requests of a key", 1, { requestLimit => 10 }],
             ["tokens of a key's day", 1, { limits => { day => { tokens => 3000 } } }],
             ["tokens of a user", 20, {}, { usageLimit => 3000 }],
             ["money of a user", 20, {}, { costLimit => "0.009" }],
             ["requests of a user", 20, {}, { requestLimit => 10 }],
             ["money of a user's month", 20, {}, { limits => { month => { cost => "0.009" } } }],
             ["keys of their own", 10, { usageLimit => 300 }],
             ["keys and user", 20, { usageLimit => 300 }, { usageLimit => 3000 }])
{
    my ($name, $count, $of_key, $of_user) = @$row;
    my $crowd = $n < 4 ? 200 : 60;
    my $stream = $n++ % 2 ? $no : $yes;
    my $user = fresh_user();
    my @keys = map { create_key(name => "x", user => $user, %$of_key) } 1 .. $count;

    set_user($user, $of_user) if $of_user;
    upstream({ %$greedy, gate => "g" });

    my @crowd = crowd_of($crowd, question("chat", 40, stream => $stream), @keys);
    my @refused = decided("g", @crowd);

    is(scalar(grep { $_->{status} == 429 } @refused), $crowd - 10,
       "$name: all but ten are refused");
    ollama()->open("g");
    is(scalar(ok_answers(@crowd)), 10, "$name: ten have their answers");
    is_deeply([caps_sent()], [(100) x 10], "$name: with the whole cap");

    my $u = user_object($user);

    is_deeply([@$u{qw(usageCount requestCount cost)}], [3000, 10, "0.009"],
              "$name: all that there was, and no more");
    is(chat(question("chat", 40), key => $_->{key})->{status}, 429,
       "$name: nothing is left") for $keys[0], $keys[-1];
}

idle();
is_deeply(sums()->{status}, { ok => $n * 10 }, "all of them ok");



=== TEST 8: 200 at once, as fast as they can
--- steps
# [what an answer costs, how many can be paid at most]
for my $row (["greedy", $greedy, 10], ["modest", $modest, 200]) {
    for my $stream ($yes, $no) {
        my ($name, $rule, $most) = @$row;
        my $user = fresh_user();
        my @keys = map { create_key(name => "x", user => $user) } 1 .. 5;

        set_user($user, { usageLimit => 3000 });
        upstream($rule);

        my @crowd = crowd_of(200, question("chat", 40, stream => $stream), @keys);
        my @good = ok_answers(@crowd);
        my $u = user_object($user);

        cmp_ok(scalar @good, ">=", 10, "$name: as many as fit");
        cmp_ok(scalar @good, "<=", $most, "$name: no more than can be");
        is((grep { $_->{status} == 429 } answers(@crowd)), 200 - @good, "$name: 200 or 429");
        is($u->{requestCount}, scalar @good, "$name: a record each");
        cmp_ok($u->{usageCount}, "<=", 3000, "$name: never more than the limit");
        idle();

        # the exact rest
        my $rest = 3000 - $u->{usageCount};

        if ($rest > 200) {
            my $cap = $rest - 200 < 100 ? $rest - 200 : 100;

            is(cap_of("chat", question("chat", 40), $keys[0]), $cap, "$name: the exact rest");

        } else {
            refused(cap_of("chat", question("chat", 40), $keys[0]), 429,
                    "RATE_LIMIT_EXCEEDED", "$name: the exact rest",
                    $rest ? qr/: $rest tokens left$/ : undef);
        }
    }
}



=== TEST 9: what was set aside and not used is there again
--- steps
my $k = with_left(3000);

upstream({ %$modest, gate => "g" });

my @crowd = crowd_of(200, question("chat", 40, stream => $yes), $k);

is(scalar(decided("g", @crowd)), 190, "ten are admitted");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 10, "ten answers");
idle();

# 15 each: 2850 are left
upstream({ %$modest, gate => "g" });
@crowd = crowd_of(200, question("chat", 40, stream => $yes), $k);

my @refused = decided("g", @crowd);

is(scalar @refused, 191, "nine are admitted");
refused($_, 429, "RATE_LIMIT_EXCEEDED", "150 are left", qr/: 150 tokens left$/)
    for @refused[0, -1];
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 9, "nine answers");
idle();



=== TEST 10: a stream is never cut, whatever becomes of the limit
--- steps
my $k = with_left(300);

upstream({ %$greedy, gate => "g", gate_at => 2000 });

my ($c, $head) = start_stream("chat", $k->{key}, 40);

$c->read_until(qr/\n/);
ollama()->wait_for(waiting => 1, "g");
is(api("PATCH", "/api/ai-api/admin/keys/$k->{id}", { usageLimit => 1 }, admin_jwt())->{status},
   200, "a smaller limit");
ollama()->open("g");
ok($c->read_body && whole_stream($c->{body}, 100), "the stream is whole");
charged($head, { status => "ok", promptTokens => 200, completionTokens => 100 }, "charged");
refused(cap_of("chat", question("chat", 8), $k), 429, "RATE_LIMIT_EXCEEDED", "then nothing");



=== TEST 11: a prompt that is more than the context should be: charged all the same
--- upstream
{ ndjson => { pieces => 1000, prompt => 250, obey => 1 } }
--- steps
my $k = with_left(300);

my $r = chat(question("chat", 8, stream => $yes), key => $k->{key});

is($r->{status}, 200, "an answer");
charged($r, { status => "ok", promptTokens => 250, completionTokens => 100 },
        "what Ollama says");

refused(cap_of("chat", question("chat", 8), $k), 429, "RATE_LIMIT_EXCEEDED", "then nothing");



=== TEST 12: one key, two modes
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /estimate/ {
        ai_api_pass http://ollama;
        ai_api_quota estimate;
    }

    location /post/ {
        ai_api_pass http://ollama;
        ai_api_quota post;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
+{ %$modest, gate => "g" }
--- steps
my $k = with_left(565);
my $body = question("chat", 400, stream => $yes);
my @open;

# strict 300, estimate 100 + 64, then 101 are left: estimate 101, then nothing
for my $row (["/api/ai-service", 200], ["/estimate", 200], ["/api/ai-service", 429],
             ["/estimate", 200], ["/post", 429])
{
    my ($place, $status) = @$row;
    my $c = client();

    $c->send_request("POST", "$place/chat", $body, "X-API-Key" => $k->{key});

    if ($status == 200) {
        push @open, $c;
        ollama()->wait_for(waiting => scalar @open, "g");

    } else {
        is($c->read_answer->{status}, $status, "$place: $status");
    }
}

is_deeply([caps_sent()], [100, 100, 1], "caps");
ollama()->open("g");
is(scalar(ok_answers(@open)), 3, "three answers");



=== TEST 13: a load call holds no tokens
--- upstream
{ path => "/api/generate",
  raw => http_answer(200, '{"model":"llama3","response":"","done":true,"done_reason":"load"}') },
$modest
--- steps
my $k = with_left(10);
my $r = request("POST", "/api/ai-service/api/generate", '{"model":"llama3"}',
                "X-API-Key" => $k->{key});

is($r->{status}, 200, "ten are enough");
charged($r, { cost => "0", promptTokens => 0, completionTokens => 0 }, "it costs nothing");
refused(cap_of("chat", question("chat", 8), $k), 429, "RATE_LIMIT_EXCEEDED",
        "but not for a question", qr/: 10 tokens left$/);



=== TEST 14: reload in the middle of 200
--- upstream
+{ %$greedy, gate => "g" }
--- steps
my $k = with_left(3000);
my $body = question("chat", 40, stream => $yes);
my @crowd = crowd_of(5, $body, $k);

is(scalar(decided("g", @crowd)), 0, "five of ten");
reload_nginx(4);
push @crowd, crowd_of(195, $body, $k);
is(scalar(decided("g", @crowd)), 190, "five more");
reload_nginx(4);
push @crowd, crowd_of(10, $body, $k);
is(scalar(decided("g", grep { !$_->{answer} } @crowd)), 10, "none at last");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 10, "ten answers");

my $sum = sums();

is_deeply([@$sum{qw(requests tokens)}], [10, 3000], "all that there was");
idle();



=== TEST 15: numbers at their ends
--- other
--- http_config
    ai_api_quota strict;
    ai_api_context_length 2147483647 overhead=2147483647;
    ai_api_max_output_tokens 2147483647;
    ai_api_price dear input=9000000 output=9000000;
--- upstream
$modest
--- steps
my $max = 9007199254740991;

# four thousand million tokens: more money than there is
for my $row ([{ usageLimit => $max }, 200], [{ costLimit => "9000000000" }, 429],
             [{ costLimit => "9000000000", usageLimit => $max }, 429],
             [{ requestLimit => $max }, 200], [{}, 200])
{
    my ($limits, $status) = @$row;

    for my $more ({}, { format => "json" }, { tools => [{ type => "function" }] },
                  { options => { num_predict => 2147483647 } })
    {
        my $k = create_key(name => "x", user => fresh_user(), %$limits);
        my $r = chat(question("chat", 8, model => "dear", %$more), key => $k->{key});

        is($r->{status}, $status, json($limits) . " " . json($more)) or diag($r->{body});
    }
}

# of the user, with days and months, all as large as they may be
my $user = fresh_user();
my $k = create_key(name => "x", user => $user);

set_user($user, { usageLimit => $max, requestLimit => $max, costLimit => "9000000000",
                  limits => { day => { tokens => $max, requests => $max, cost => "9000000000" },
                              month => { tokens => $max, requests => $max } },
                  rateLimits => { requestsPerMinute => $max, tokensPerMinute => $max,
                                  maxParallel => $max } });
is(chat(question("chat", 8), key => $k->{key})->{status}, 200, "all of them");
is(limit_headers(chat(question("chat", 8), key => $k->{key})) ne "", 1, "and RateLimit");
is(stats()->{inFlight}, 0, "nothing is held");
