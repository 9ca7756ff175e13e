# Limits while requests run, mode "estimate": what a request holds, how a
# stream extends its hold, how it ends when nothing is left, and who gives
# his hold back.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $obedient $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;

# says as much as it may, up to 400 pieces; prompts of 400 bytes are of 100
# tokens, as the estimate says
$obedient = { ndjson => { pieces => 400, prompt => 100, text => "x", obey => 1 } };

workers(4);
worker_connections(1024);


# A user that nobody has seen.

sub fresh_user {
    return "user" . ++$users;
}


# So many tokens more than were used; the key's secret.

sub set_left {
    my ($k, $left) = @_;

    my $used = key_object($k->{id})->{usageCount};
    my $r = api("PATCH", "/api/ai-api/keys/$k->{id}", { usageLimit => $used + $left },
                jwt("alice"));

    is($r->{status}, 200, "PATCH") if $r->{status} != 200;

    return $k->{key};
}


# The cap of the next request without a stream is what is left behind its
# prompt of 100 tokens.

sub left_is {
    my ($key, $left, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    # a stream may be standing at its gate
    ollama()->rules({ ndjson => { pieces => 1, prompt => 1, obey => 1 } });

    my $r = chat(question("chat", 400), key => $key);

    is($r->{status}, 200, "$name: admitted") or diag($r->{body});
    is(num_predict(scalar sent_upstream()), $left - 100, "$name: what is left");
}


# A stream of 400 pieces that stands behind so many, and the client has them.
# Ollama's connection stays open until the other side closes it.

sub standing {
    my ($route, $key, $behind, %rule) = @_;

    upstream(stream_rule($route, pieces => 400, gate => "g", behind => $behind,
                         stop_after => -5, stop => "hang", %rule),
             $obedient);

    my ($c, $head) = start_stream($route, $key, 400);

    $c->read_until(qr/(?:.*\n){$behind}/);
    ollama()->wait_for(waiting => 1, "g");

    return ($c, $head);
}


# The client has what was charged, and no more was spent than may be.

sub cut_off {
    my ($c, $head, $route, $most, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok($c->read_body, "$name: the answer ends as HTTP wants it");

    my $end = cut_end($c->{body}, $route, $name);

    is($end->{completion}, $end->{pieces}, "$name: each piece counts");
    cmp_ok($end->{pieces}, "<=", $most, "$name: one piece over it at most");
    charged($head, { status => "cut_quota", estimated => $yes, httpStatus => 200,
                     promptTokens => $end->{prompt},
                     completionTokens => $end->{completion} }, "$name: the record");

    return $end;
}


run_tests();

__DATA__

=== TEST 1: the cap that Ollama gets
--- http_config
    ai_api_max_output_tokens 500;
--- steps
upstream({ ndjson => { pieces => 1, prompt => 1, obey => 1 } });

my $rich = create_key(name => "rich");
my $poor = create_key(name => "poor");
my $n = 0;

for my $row ([undef, 500], [0, 500], [-1, 500], [-2, 500], [JSON::PP::null, 500],
             [1, 1], [499, 499], [500, 500], [501, 500], [2147483647, 500])
{
    my ($asked, $rich_cap) = @$row;
    my $as = json($asked);

    for my $route (qw(chat generate api/chat api/generate)) {
        for my $stream ($n++ % 2 ? $yes : $no) {
            my %more = (stream => $stream);

            $more{options} = { num_predict => $asked } if defined $asked;

            my $body = question($route, 400, %more);
            my $how = "$route, stream " . json($stream) . ", $as";

            AiApi::Check::service($route, $body, key => $rich->{key});
            is(num_predict(scalar sent_upstream()), $rich_cap, "$how: without a limit");

            # 130 are left: 100 for the prompt
            set_left($poor, 130);
            AiApi::Check::service($route, $body, key => $poor->{key});
            is(num_predict(scalar sent_upstream()), $rich_cap < 30 ? $rich_cap : 30,
               "$how: what is left");
        }
    }
}




=== TEST 2: what a request holds
--- http_config
    ai_api_max_output_tokens 200;
--- steps
for my $row (["a stream: 64 tokens behind the prompt", $yes, 164, 3],
             ["JSON: the whole cap", $no, 300, 3])
{
    my ($name, $stream, $hold, $count) = @$row;
    my $body = question("chat", 400, stream => $stream);

    # whole holds, one token short of another, one that fits clamped
    for my $rest (0, 100, 101) {
        my $k = create_key(name => "x", usageLimit => $hold * $count + $rest);

        upstream({ %$obedient, gate => "g" });

        my @crowd = crowd($count + 3, sub { ("chat", $body, $k->{key}) });
        my @refused = decided("g", @crowd);
        my $fits = $count + ($rest > 100 ? 1 : 0);

        is(@crowd - @refused, $fits, "$name, $rest more: $fits are admitted");

        my $left = $hold * $count + $rest - ($fits > $count ? $hold * $count + 101
                                                            : $hold * $count);
        refused($_, 429, "RATE_LIMIT_EXCEEDED", "$name, $rest more",
                $left == 0 ? zh_text("RATE_LIMIT_EXCEEDED") : qr/: $left tokens left$/)
            for @refused;

        is(stats()->{inFlight}, $fits, "$name, $rest more: they are in flight");
        ollama()->open("g");
        answers(@crowd);
        idle();
    }
}



=== TEST 3: a stream holds more as its pieces pass
--- http_config
    ai_api_max_output_tokens 200;
--- steps
# [pieces that passed, what it holds behind its prompt]
for my $row ([0, 64], [63, 64], [70, 128], [100, 128], [140, 192], [195, 200]) {
    my ($pieces, $held) = @$row;
    my $k = create_key(name => "x", usageLimit => 450);

    upstream(stream_rule("generate", pieces => 200, gate => "g", behind => $pieces),
             { path => "/api/chat", %$obedient });

    my ($c) = start_stream("generate", $k->{key}, 400);

    $c->read_until(qr/^(?:.*\n){$pieces}/);
    ollama()->wait_for(waiting => 1, "g");

    # another one takes all that is left
    my $r = chat(question("chat", 400), key => $k->{key});

    is($r->{status}, 200, "$pieces pieces: another request");
    is(num_predict(scalar sent_upstream()), 450 - 100 - $held - 100,
       "$pieces pieces: the stream holds $held behind its prompt");

    ollama()->open("g");
    ok($c->read_body, "$pieces pieces: a clean end");

    my $got = () = $c->{body} =~ /"done":false/g;

    cmp_ok($got, ">=", $held, "$pieces pieces: all that it holds");
    cmp_ok($got, "<=", $held < 200 ? $held + 1 : 200, "$pieces pieces: one piece over it at most");
    idle();
}



=== TEST 4: other requests take what a stream would have needed
--- http_config
    ai_api_max_output_tokens 200;
--- steps
for my $route (qw(chat generate)) {
    for my $how (["fast", {}], ["line by line", { cut => "lines" }],
                 ["byte by byte", { cut => "bytes" }], ["torn", { cut => "random" }])
    {
        my $name = "$route, $how->[0]";
        my $k = create_key(name => "x", usageLimit => 464);
        my ($c, $head) = standing($route, $k->{key}, 10, %{ $how->[1] });

        take_rest($k->{key});
        ollama()->open("g");

        my $end = cut_off($c, $head, $route, 65, $name);

        cmp_ok($end->{pieces}, ">=", 64, "$name: all that it held");
        is($end->{prompt}, 100, "$name: the prompt is an estimate");
        ollama()->wait_for(closed => 1);
        refused(chat(question("chat", 4), key => $k->{key}), 429, "RATE_LIMIT_EXCEEDED",
                "$name: nothing is left");
        idle();
        left_is(set_left($k, 300), 300, $name);
    }
}



=== TEST 5: each limit ends a stream
--- http_config
    ai_api_max_output_tokens 200;
--- steps
away_from_midnight();

# 464 tokens cost 0.001392
for my $row (["tokens of the user", { usageLimit => 464 }],
             ["tokens of a day", { limits => { day => { tokens => 464 } } }],
             ["tokens of a month", { limits => { month => { tokens => 464 } } }],
             ["money", { costLimit => "0.001392" }],
             ["money of a day", { limits => { day => { cost => "0.001392" } } }],
             ["money of a month", { limits => { month => { cost => "0.001392" } } }])
{
    my ($name, $limits) = @$row;
    my $user = fresh_user();
    my $k = create_key(name => "x", user => $user);
    my $other = create_key(name => "y", user => $user);

    set_user($user, $limits);

    my ($c, $head) = standing("chat", $k->{key}, 10);

    take_rest($other->{key});
    ollama()->open("g");
    cut_off($c, $head, "chat", 65, $name);

    my $r = chat(question("chat", 4), key => $k->{key});

    refused($r, 429, "RATE_LIMIT_EXCEEDED", "$name: nothing is left");
    is(defined $r->{headers}{"retry-after"}, $name =~ /of a (?:day|month)/,
       "$name: Retry-After when time helps");
    refused(chat(question("chat", 4), key => create_key(name => "new", user => $user)->{key}),
            429, "RATE_LIMIT_EXCEEDED", "$name: a new key changes nothing");
}

idle();



=== TEST 6: a limit that becomes smaller while a stream runs
--- steps
for my $route (qw(chat generate)) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my ($c, $head) = standing($route, $k->{key}, 10);

    # what it holds, and nothing else
    set_key($k, { usageLimit => 164 });
    ollama()->open("g");
    cut_off($c, $head, $route, 65, "$route, a key");

    # of the user; the key has none
    my $user = fresh_user();

    $k = create_key(name => "x", user => $user);
    ($c, $head) = standing($route, $k->{key}, 10);
    set_user($user, { usageLimit => 164 });
    ollama()->open("g");
    cut_off($c, $head, $route, 65, "$route, a user");
}

idle();



=== TEST 7: a limit below what a stream holds: it ends where its hold does
--- steps
for my $route (qw(chat generate)) {
    my $k = create_key(name => "x", usageLimit => 1000);
    my ($c, $head) = standing($route, $k->{key}, 120);

    set_key($k, { usageLimit => 1 });
    ollama()->open("g");

    # 128 were held when it was made smaller
    cut_off($c, $head, $route, 129, $route);
    idle();
}



=== TEST 8: 200 at once, of a key or a user that can pay for ten
--- http_config
    ai_api_max_output_tokens 200;
--- steps
away_from_midnight();

$users = 0;

# a stream's hold at first is of 164 tokens, 0.000492
for my $row (["tokens of a key", 1, { usageLimit => 1640 }],
             ["money of a key", 1, { costLimit => "0.00492" }],
             ["tokens of a user", 20, undef, { usageLimit => 1640 }],
             ["money of a user", 20, undef, { costLimit => "0.00492" }],
             ["both", 10, { usageLimit => 164 }, { usageLimit => 16400 }],
             ["tokens of a user's day", 20, undef,
              { limits => { day => { tokens => 1640 } } }])
{
    my $crowd = $users < 2 ? 200 : 60;
    my ($name, $count, $of_key, $of_user) = @$row;
    my $user = fresh_user();
    my @keys = map { create_key(name => "x", user => $user, %{ $of_key || {} }) }
        1 .. $count;
    my $body = question("chat", 400, stream => $yes);
    my $before = sums();

    set_user($user, $of_user) if $of_user;
    upstream({ %$obedient, gate => "g" });

    my @crowd = crowd($crowd, sub { ("chat", $body, $keys[$_[0] % @keys]{key}) });
    my @refused = decided("g", @crowd);

    is(scalar @refused, $crowd - 10, "$name: ten are admitted");
    is((grep { $_->{status} == 429 } @refused), $crowd - 10, "$name: the others are refused");

    ollama()->open("g");
    answers(@crowd);
    idle();

    my $sum = sums();
    my $tokens = $sum->{tokens} - $before->{tokens};

    is($sum->{requests} - $before->{requests}, 10, "$name: ten records");
    cmp_ok($tokens, ">=", 1640, "$name: all is used");
    cmp_ok($tokens, "<=", 1650, "$name: a piece more for each of them at most");
    refused(chat(question("chat", 4), key => $keys[0]{key}), 429, "RATE_LIMIT_EXCEEDED",
            "$name: nothing is left");
}



=== TEST 9: 200 at once, as fast as they can
--- http_config
    ai_api_max_output_tokens 200;
--- steps
for my $stream ($yes, $no) {
    my $name = $stream ? "streams" : "JSON";
    my $k = create_key(name => "x", usageLimit => 3000);
    my $before = sums();

    upstream({ ndjson => { pieces => 50, prompt => 100, obey => 1 } });

    my @crowd = crowd(200, sub { ("chat", question("chat", 400, stream => $stream),
                                  $k->{key}) });
    my @good = grep { $_->{status} == 200 } answers(@crowd);

    is((grep { $_->{status} == 429 } answers(@crowd)), 200 - @good, "$name: 200 or 429");
    idle();

    my $sum = sums();
    my $tokens = $sum->{tokens} - $before->{tokens};

    is($sum->{requests} - $before->{requests}, scalar @good, "$name: a record each");
    cmp_ok(scalar @good, ">=", $stream ? 18 : 10, "$name: as many as fit by their holds");
    cmp_ok($tokens, "<=", 3000 + @good, "$name: one piece each over it at most");

    # the exact rest, for the next one
    my $rest = 3000 - $tokens;

    if ($rest > 100) {
        left_is($k->{key}, $rest < 300 ? $rest : 300, $name);

    } else {
        refused(chat(question("chat", 400), key => $k->{key}), 429, "RATE_LIMIT_EXCEEDED",
                "$name: too little is left",
                $rest > 0 ? qr/: $rest tokens left$/ : zh_text("RATE_LIMIT_EXCEEDED"));
    }
}



=== TEST 10: requests are counted exactly, in every mode
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /strict/ {
        ai_api_pass http://ollama;
        ai_api_quota strict;
        ai_api_context_length 1000;
    }

    location /post/ {
        ai_api_pass http://ollama;
        ai_api_quota post;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
away_from_midnight();

for my $place ("/api/ai-service", "/strict", "/post") {
    for my $row (["of a key", { requestLimit => 10 }, undef, 1],
                 ["of a key's day", { limits => { day => { requests => 10 } } }, undef, 1],
                 ["of a user", {}, { requestLimit => 10 }, 7],
                 ["of a user's month", {}, { limits => { month => { requests => 10 } } }, 7])
    {
        my ($what, $of_key, $of_user, $count) = @$row;
        my $name = "$place, $what";
        my $user = fresh_user();
        my @keys = map { create_key(name => "x", user => $user, %$of_key) } 1 .. $count;
        my $body = question("chat", 40, stream => $yes);

        set_user($user, $of_user) if $of_user;
        upstream({ ndjson => { pieces => 2, prompt => 10, obey => 1 } });

        my @crowd = map { client() } 1 .. 30;

        $crowd[$_]->send_request("POST", "$place/chat", $body,
                                 "X-API-Key" => $keys[$_ % @keys]{key}) for 0 .. $#crowd;

        is(scalar(ok_answers(@crowd)), 10, "$name: ten, and not one more");
        is((grep { $_->{status} == 429 } answers(@crowd)), 20, "$name: 429");
        is(user_object($user)->{requestCount}, 10, "$name: ten records");
    }
}

idle();



=== TEST 11: post: admitted while something is left
--- http_config
    ai_api_quota post;
    ai_api_max_output_tokens 200;
--- steps
for my $limit ([usageLimit => 1], [costLimit => "0.000000001"]) {
    my $k = create_key(name => "x", @$limit);

    upstream({ %$obedient, gate => "g" });

    my @crowd = crowd(50, sub { ("chat", question("chat", 400, stream => $yes), $k->{key}) });

    is(scalar(decided("g", @crowd)), 0, "@$limit: all are admitted");
    is((grep { $_ >= 1 } caps_sent()), 50, "@$limit: each has a cap");
    ollama()->open("g");
    is(scalar(ok_answers(@crowd)), 50, "@$limit: and none is cut");
    idle();

    refused(chat(question("chat", 4), key => $k->{key}), 429, "RATE_LIMIT_EXCEEDED",
            "@$limit: nothing is left");
}



=== TEST 12: a limit that becomes larger, a new secret, a new key
--- http_config
    ai_api_max_output_tokens 400;
--- steps
my $k = create_key(name => "x", usageLimit => 600);
my ($c, $head) = standing("chat", $k->{key}, 10, stop_after => undef);

# 286 behind the prompt, and the cap
left_is(set_left($k, 550), 386, "a smaller limit");
left_is(set_left($k, 1000), 500, "a larger limit");

my $used = key_object($k->{id})->{usageCount};
my $new = api("POST", "/api/ai-api/keys/$k->{id}/rotate", undef, jwt("alice"))->{json};

refused(chat(question("chat", 4), key => $k->{key}), 401, "INVALID_API_KEY",
        "the old secret");

# the stream's hold is that of the key, whatever its secret
set_key($k, { usageLimit => $used + 164 });
refused(chat(question("chat", 4), key => $new->{key}), 429, "RATE_LIMIT_EXCEEDED",
        "the new secret has no more");
set_key($k, { usageLimit => $used + 164 + 120 });
left_is($new->{key}, 120, "the new secret");

set_key($k, { usageLimit => undef });
ollama()->open("g");
ok($c->read_body && whole_stream($c->{body}, 400), "the stream goes on");
charged($head, { status => "ok", completionTokens => 400, promptTokens => 100,
                 keyId => $k->{id} }, "and is charged to the key");
is(key_object($k->{id})->{usageCount}, $used + 2 + 500, "the sum");



=== TEST 13: a new key of the same user has what the user has left
--- http_config
    ai_api_max_output_tokens 400;
--- steps
my $one = create_key(name => "one");
my ($c) = standing("chat", $one->{key}, 10);

set_user("alice", { usageLimit => 164 + 130 });

my $two = create_key(name => "two");

left_is($two->{key}, 130, "a new key");
is(api("DELETE", "/api/ai-api/keys/$two->{id}", undef, jwt("alice"))->{status}, 200,
   "its end");
left_is(create_key(name => "three")->{key}, 128, "another one");
left_is(create_key(name => "other", user => "bob")->{key}, 500, "another user's");

ollama()->open("g");
cut_end($c->read_body && $c->{body}, "chat", "the stream");
idle();



=== TEST 14: reload: the old worker's holds bind in the new one
--- http_config
    ai_api_max_output_tokens 200;
--- steps
my $k = create_key(name => "x", usageLimit => 1640);

upstream({ %$obedient, gate => "g" });

my $body = question("chat", 400, stream => $yes);
my @crowd = crowd(10, sub { ("chat", $body, $k->{key}) });

is(scalar(decided("g", @crowd)), 0, "ten are admitted");
reload_nginx(4);

my @more = crowd(20, sub { ("chat", $body, $k->{key}) });

is(scalar(decided("g", @crowd, @more)), 20, "none of the new ones");
is((grep { $_->{status} == 429 } answers(@more)), 20, "they are refused");

ollama()->open("g");
answers(@crowd);
idle();

my $sum = sums();

is($sum->{requests}, 10, "ten records");
cmp_ok($sum->{tokens}, "<=", 1650, "a piece more for each of them at most");
set_key($k, { usageLimit => $sum->{tokens} + 150 });
left_is($k->{key}, 150, "nothing is held any more");



=== TEST 15: the likely tokens of a prompt: a quarter of its bytes
--- http_config
    ai_api_max_output_tokens 200;
--- steps
my $user = sub { return { role => "user", content => $_[0] } };
my $chinese = "\x{4f60}\x{597d}" x 50;

# [tokens, route, members]
for my $row ([1, "chat", { messages => [$user->("x")] }],
             [1, "chat", { messages => [$user->("xxxx")] }],
             [100, "chat", { messages => [$user->("x" x 100), $user->("y" x 300)] }],
             [100, "chat", { messages => [{ role => "system", content => "x" x 200 },
                                          $user->("y" x 200)] }],
             # bytes, not characters
             [75, "chat", { messages => [$user->($chinese)] }],
             [100, "generate", { prompt => "x" x 400 }],
             [100, "generate", { prompt => "x" x 200, system => "y" x 200 }],
             [25000, "generate", { prompt => "x" x 100000 }])
{
    my ($tokens, $route, $members) = @$row;

    for my $stream ($yes, $no) {
        my $body = json({ model => "llama3", stream => $stream, %$members });
        my $name = "$route, " . substr(json($members), 0, 60);

        upstream({ ndjson => { pieces => 1, prompt => 1, obey => 1 } });

        my $k = create_key(name => "x", usageLimit => $tokens + 1);

        is(AiApi::Check::service($route, $body, key => $k->{key})->{status}, 200,
           "$name: $tokens and one more");
        is(num_predict(scalar sent_upstream()), 1, "$name: is one of output");

        $k = create_key(name => "y", usageLimit => $tokens);
        refused(AiApi::Check::service($route, $body, key => $k->{key}), 429,
                "RATE_LIMIT_EXCEEDED", "$name: $tokens alone", qr/: $tokens tokens left$/);
    }
}



=== TEST 16: the key or its user is gone or blocked while a stream runs
--- http_config
    ai_api_max_output_tokens 400;
--- steps
my $owner;
my %change = (
    "the key is deleted" => sub {
        api("DELETE", "/api/ai-api/keys/$_[0]", undef, jwt($owner));
    },
    "the key is disabled" => sub {
        api("PATCH", "/api/ai-api/keys/$_[0]", { isActive => $no }, jwt($owner));
    },
    "the key is blocked" => sub {
        api("PATCH", "/api/ai-api/admin/keys/$_[0]", { isActive => $no }, admin_jwt());
    },
    "the user is blocked" => sub {
        api("PATCH", "/api/ai-api/admin/users/$owner", { isActive => $no }, admin_jwt());
    },
);

for my $name (sort keys %change) {
    for my $limit (undef, 600) {
        $owner = fresh_user();

        my $k = create_key(name => "x", user => $owner, usageLimit => $limit);
        my ($c, $head) = standing("chat", $k->{key}, 10, stop_after => undef);

        is($change{$name}->($k->{id})->{status}, 200, $name);
        is(chat(question("chat", 4), key => $k->{key})->{status}, 401, "$name: no more requests");
        ollama()->open("g");

        # what it began is brought to its end, one way or the other
        ok($c->read_body, "$name: a clean end");
        like($c->{body}, qr/"done":true.*\}\n\z/, "$name: and a final line");

        my $pieces = () = $c->{body} =~ /"done":false/g;
        my $r = charged($head, { completionTokens => $pieces, keyId => $k->{id} },
                        "$name: its pieces are charged");

        like($r->{status}, qr/^(?:ok|cut_quota)$/, "$name: status");
        idle();
    }
}
