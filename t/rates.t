# Rates of a minute, requests at the same time, days and months: who is
# refused, what RateLimit-* and Retry-After say.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use POSIX qw(ceil floor);
use Test::Nginx::Socket 'no_plan';
use Time::HiRes ();

use vars qw($yes $no $small $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;
$small = { ndjson => { pieces => 5, prompt => 10, obey => 1 } };

workers(4);
worker_connections(1024);


sub fresh_user {
    return "user" . ++$users;
}


sub limited {
    my (%limits) = @_;

    return create_key(name => "x", user => fresh_user(), %limits);
}


sub ask {
    my ($k, %more) = @_;

    return chat(question("chat", 40, stream => $no, %more), key => $k->{key});
}


# The seconds that one of these headers names.

sub between {
    my ($r, $header, $least, $most, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $seconds = $r->{headers}{$header};

    ok(defined $seconds && $seconds =~ /^\d+$/ && $seconds >= $least && $seconds <= $most,
       "$name: $header") or diag(json($seconds), ", not $least to $most");
}


# What has to be done before a bucket gets something back, in so many seconds,
# is done once more if it took longer; what it returned.

sub in_time {
    my ($seconds, $what) = @_;

    for (1 .. 10) {
        my $start = Time::HiRes::time();
        my @result = $what->();

        return @result if Time::HiRes::time() - $start < $seconds;
    }

    die "a machine that is too slow\n";
}


# Units that a bucket of so many a minute has got back since then, and one
# that is on its way.

sub refilled {
    my ($per_minute, $since) = @_;

    return ceil((Time::HiRes::time() - $since) * $per_minute / 60);
}


sub day_left {
    return 86400 - time() % 86400;
}


sub month_left {
    my (undef, undef, undef, undef, $month, $year) = gmtime;

    ($month, $year) = $month == 11 ? (0, $year + 1) : ($month + 1, $year);

    require Time::Local;
    return Time::Local::timegm(0, 0, 0, 1, $month, $year) - time();
}


# How a window's limit answers, before its end and at it.

sub window_is {
    my ($k, $name, $left, $limit) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $n (1 .. $limit + 1) {
        my $most = $left->();
        my $r = ask($k);
        my $least = $left->();

        is($r->{status}, $n > $limit ? 429 : 200, "$name: $n of $limit");
        is(limit_headers($r), "$limit " . ($n > $limit ? 0 : $limit - $n), "$name: $n is said");
        between($r, "ratelimit-reset", $least - 1, $most + 1, "$name: $n");
        between($r, "retry-after", $least - 1, $most + 1, "$name: $n") if $n > $limit;
        ok(!defined $r->{headers}{"retry-after"}, "$name: $n, no Retry-After") if $n <= $limit;
    }
}


run_tests();

__DATA__

=== TEST 1: requests a minute
--- upstream
$small
--- steps
for my $limit (1, 2, 3) {
    # the next one comes 60 / N seconds behind the first
    my $most = 60 / $limit;

    my ($k, $sent, $least, $r, @taken) = in_time($most, sub {
        my $start = Time::HiRes::time();
        my $k = limited(rateLimits => { requestsPerMinute => $limit });
        my @taken = map { ask($k) } 1 .. $limit;
        my $sent = sent_count();
        my $r = ask($k);

        return ($k, $sent, $most - (Time::HiRes::time() - $start), $r, @taken);
    });

    for my $n (1 .. $limit) {
        my $r = $taken[$n - 1];

        is($r->{status}, 200, "$n of $limit");
        is(limit_headers($r), "$limit " . ($limit - $n), "$n of $limit: RateLimit");
        ok(!defined $r->{headers}{"retry-after"}, "$n of $limit: no Retry-After");
    }

    refused($r, 429, "RATE_LIMIT_EXCEEDED", "one more than $limit");
    is(limit_headers($r), "$limit 0", "RateLimit of a refusal");
    between($r, "retry-after", $least < 1 ? 1 : floor($least), $most, "$limit");
    between($r, "ratelimit-reset", 1, 60, "$limit");
    is(sent_count(), $sent, "Ollama does not hear of it");
    is(key_object($k->{id}, "user$users")->{requestCount}, $limit, "nor is it counted");
}



=== TEST 2: of the user: his keys together
--- upstream
$small
--- steps
my @r = in_time(30, sub {
    my $user = fresh_user();
    my @keys = map { create_key(name => "x", user => $user) } 1 .. 3;

    set_user($user, { rateLimits => { requestsPerMinute => 2 } });

    my @r = map { ask($_) } @keys;

    return (@r, ask(create_key(name => "new", user => $user)));
});

is($r[$_]{status}, 200, "key $_") for 0, 1;
refused($r[2], 429, "RATE_LIMIT_EXCEEDED", "the third key");
between($r[2], "retry-after", 1, 30, "the user");
refused($r[3], 429, "RATE_LIMIT_EXCEEDED", "a new key");
is(ask(limited())->{status}, 200, "another user");

# the smaller one of key and user
@r = in_time(30, sub {
    my $user = fresh_user();
    my ($one, $five) = map { create_key(name => "x", user => $user,
                                        rateLimits => { requestsPerMinute => $_ }) } 1, 5;

    set_user($user, { rateLimits => { requestsPerMinute => 2 } });

    return map { ask($_) } $one, $one, $five, $five;
});

is($r[0]{status}, 200, "one");
is(limit_headers($r[1]), "1 0", "the key's is the smaller");
is($r[2]{status}, 200, "another key");
is(limit_headers($r[3]), "2 0", "the user's is the smaller");



=== TEST 3: 200 at once
--- steps
for my $row (["a key", 1, { rateLimits => { requestsPerMinute => 10 } }],
             ["a user", 20, {}, { rateLimits => { requestsPerMinute => 10 } }])
{
    my ($name, $count, $of_key, $of_user) = @$row;
    my $start = Time::HiRes::time();
    my $user = fresh_user();
    my @keys = map { create_key(name => "x", user => $user, %$of_key) } 1 .. $count;

    set_user($user, $of_user) if $of_user;
    upstream($small);

    my @crowd = crowd(200, sub { ("chat", question("chat", 40, stream => $yes),
                                  $keys[$_[0] % @keys]{key}) });
    my @good = ok_answers(@crowd);

    # those that came back in the meantime may be taken too
    cmp_ok(scalar @good, ">=", 10, "$name: ten");
    cmp_ok(scalar @good, "<=", 10 + refilled(10, $start), "$name: and not one more");
    is((grep { $_->{status} == 429 && ($_->{headers}{"retry-after"} || "") =~ /^[1-6]$/ }
        answers(@crowd)), 200 - @good, "$name: the others have to wait");
}

idle();



=== TEST 4: a rate is not reset by a reload, nor by a new secret
--- upstream
$small
--- steps
my ($k, $new, $one, $r, $rotated) = in_time(60, sub {
    my $k = limited(rateLimits => { requestsPerMinute => 1 });
    my $one = ask($k);

    reload_nginx(4);

    my $r = ask($k);
    my $new = api("POST", "/api/ai-api/keys/$k->{id}/rotate", undef, jwt("user$users"))->{json};

    return ($k, $new, $one, $r, ask($new));
});

is($one->{status}, 200, "one");
refused($r, 429, "RATE_LIMIT_EXCEEDED", "after a reload");
between($r, "retry-after", 1, 60, "after a reload");
is($rotated->{status}, 429, "a new secret");

# a larger rate is one at once
is(api("PATCH", "/api/ai-api/keys/$k->{id}", { rateLimits => { requestsPerMinute => undef } },
       jwt("user$users"))->{status}, 200, "no rate");
is(ask($new)->{status}, 200, "is none");



=== TEST 5: tokens a minute: a debt is paid by time
--- upstream
{ ndjson => { pieces => 1, eval => 700, prompt => 500, obey => 1 } }
--- steps
for my $stream ($yes, $no) {
    my $start = Time::HiRes::time();
    my $k = limited(rateLimits => { tokensPerMinute => 200 });
    my $r = ask($k, stream => $stream);

    is($r->{status}, 200, "one that was thought to be small");
    charged($r, { promptTokens => 500, completionTokens => 700 }, "it was not");
    idle();

    # 1000 too many: a unit each 0.3 seconds
    $r = ask($k);

    my $most = ceil(1001 * 0.3);

    refused($r, 429, "RATE_LIMIT_EXCEEDED", "then nothing for a while");
    between($r, "retry-after", floor($most - 1 - (Time::HiRes::time() - $start)), $most,
            "the debt");
    is(limit_headers($r), "200 0", "RateLimit");
}



=== TEST 6: tokens a minute: what was not used comes back at the end
--- upstream
{ ndjson => { pieces => 5, prompt => 10, obey => 1 }, gate => "g" }
--- steps
for my $stream ($yes, $no) {
    # a stream is thought to be of 74 tokens, JSON of the whole cap; the 25th
    # that it took too many is there again after 30 seconds
    my $waiting = 0;

    upstream({ %$small, gate => "g" });

    my ($k, $c, $r) = in_time(30, sub {
        my $k = limited(rateLimits => { tokensPerMinute => 50 });
        my ($c) = crowd(1, sub { ("chat", question("chat", 40, stream => $stream),
                                  $k->{key}) });

        ollama()->wait_for(waiting => ++$waiting, "g");

        return ($k, $c, ask($k));
    });

    refused($r, 429, "RATE_LIMIT_EXCEEDED", "while it runs");
    between($r, "retry-after", 1, 60 * 32778 / 50, "while it runs");
    ollama()->open("g");
    ok(is_answer($c->read_answer), "its end");
    idle();

    # 15 of 50
    $r = ask($k);
    is($r->{status}, 200, "the next one");

    my ($limit, $left) = split / /, limit_headers($r);

    is($limit, 50, "RateLimit-Limit");
    cmp_ok($left, "<=", 50, "RateLimit-Remaining");
}



=== TEST 7: tokens a minute: errors take nothing
--- no_error_log
[alert]
[crit]
[emerg]
--- steps
my $k = limited(rateLimits => { tokensPerMinute => 50 });

for my $rule ({ raw => http_answer(404, '{"error":"x"}') },
              { raw => http_answer(500, '{"error":"x"}') }, { raw => "", stop_after => 0 })
{
    upstream($rule);

    for my $stream ($yes, $no) {
        my $r = ask($k, stream => $stream);

        cmp_ok($r->{status}, "!=", 429, "not refused");
        cmp_ok($r->{status}, ">=", 400, "an error of Ollama");
        idle();
    }
}

upstream($small);
is(ask($k)->{status}, 200, "all of it is there");



=== TEST 8: maxParallel
--- steps
for my $row (["a key", 1, { rateLimits => { maxParallel => 3 } }],
             ["a user", 4, {}, { rateLimits => { maxParallel => 3 } }],
             ["both", 4, { rateLimits => { maxParallel => 1 } },
              { rateLimits => { maxParallel => 3 } }])
{
    my ($name, $count, $of_key, $of_user) = @$row;

    for my $stream ($yes, $no) {
        my $user = fresh_user();
        my @keys = map { create_key(name => "x", user => $user, %$of_key) } 1 .. $count;

        set_user($user, $of_user) if $of_user;
        upstream({ %$small, gate => "g" });

        my @crowd = crowd(100, sub { ("chat", question("chat", 40, stream => $stream),
                                      $keys[$_[0] % @keys]{key}) });
        my @refused = decided("g", @crowd);

        is(scalar @refused, 97, "$name: three run");
        refused($refused[0], 429, "RATE_LIMIT_EXCEEDED", "$name: the next one");
        is((grep { ($_->{headers}{"retry-after"} || "") eq "1" } @refused), 97,
           "$name: Retry-After");
        is(stats()->{inFlight}, 3, "$name: in flight");

        my @more = crowd(1, sub { ("chat", question("chat", 40), $keys[0]{key}) });

        is(scalar(decided("g", grep { !$_->{answer} } @crowd, @more)), 1, "$name: one more");
        like(limit_headers($more[0]{answer}), qr/^[13] 0$/, "$name: RateLimit of a refusal");
        is($more[0]{answer}{headers}{"ratelimit-reset"}, undef, "$name: nobody knows when")
            if $name ne "both";

        ollama()->open("g");
        is(scalar(ok_answers(@crowd)), 3, "$name: three answers");
        ok(is_answer(ask($keys[0], stream => $stream)), "$name: a free place");
    }
}

idle();



=== TEST 9: who has his answer may ask again at once
--- upstream
$small
--- steps
my $k = limited(rateLimits => { maxParallel => 1 });
my $key = $k->{key};
my %seen;

# on a connection each, in any worker
for my $n (1 .. 60) {
    my ($c) = crowd(1, sub { ("chat", question("chat", 40, stream => $n % 2 ? $yes : $no),
                              $key) });
    my $r = $c->read_answer;

    $seen{$r->{status} . ($r->{complete} ? "" : " torn")}++;
}

is_deeply(\%seen, { 200 => 60 }, "sixty, one behind the other");

# and on one connection
my $c = client();

for my $n (1 .. 40) {
    $c->send_request("POST", "/api/ai-service/generate",
                     question("generate", 40, stream => $n % 2 ? $yes : $no),
                     "X-API-Key" => $key);
    $seen{$c->read_answer->{status}}++;
}

is_deeply(\%seen, { 200 => 100 }, "forty on one connection");

# all that is not Ollama's work takes no place
upstream({ %$small, gate => "g" });
($c) = crowd(1, sub { ("chat", question("chat", 40), $key) });
ollama()->wait_for(waiting => 1, "g");
is(request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $key)->{status}, 200,
   "GET usage meanwhile");
is(chat("{", key => $key)->{status}, 400, "a mistake is a mistake first");
ollama()->open("g");
ok(is_answer($c->read_answer), "the end");



=== TEST 10: places of those that left are free again
--- no_error_log
[alert]
[crit]
[emerg]
--- steps
my $k = limited(rateLimits => { maxParallel => 1 });

for my $rule ({ %$small }, { raw => http_answer(404, '{"error":"x"}') },
              { raw => http_answer(500, '{"error":"x"}') }, { raw => "", stop_after => 0 },
              { ndjson => { pieces => 5, prompt => 10 }, stop_after => 400 })
{
    for my $how (qw(close reset)) {
        upstream({ %$rule, gate => "g" });

        my ($c) = crowd(1, sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) });

        ollama()->wait_for(waiting => 1, "g");
        is(ask($k)->{status}, 429, "one runs");
        $c->$how;
        ollama()->open("g");
        idle();
    }

    upstream($rule);

    my ($c) = crowd(1, sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) });
    my $r = $c->read_answer;

    upstream($small);
    ok(is_answer(ask($k)), "behind $r->{status}");
}



=== TEST 11: a reload: those that run in old workers count
--- upstream
+{ %$small, gate => "g" }
--- steps
my $k = limited(rateLimits => { maxParallel => 3 });
my $make = sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) };
my @crowd = crowd(2, $make);

is(scalar(decided("g", @crowd)), 0, "two of three");
reload_nginx(4);
push @crowd, crowd(5, $make);
is(scalar(decided("g", @crowd)), 4, "one more");
ollama()->open("g");
is(scalar(ok_answers(@crowd)), 3, "three answers");
idle();



=== TEST 12: a day, a month
--- upstream
$small
--- steps
away_from_midnight();

my $k = limited(limits => { day => { requests => 3 } });
window_is($k, "a day", \&day_left, 3);

$k = limited(limits => { month => { requests => 2 } });
window_is($k, "a month", \&month_left, 2);

# of the user, with another key
my $user = fresh_user();
$k = create_key(name => "x", user => $user);
set_user($user, { limits => { day => { requests => 2 }, month => { requests => 9 } } });
window_is($k, "a user's day", \&day_left, 2);
refused(ask(create_key(name => "y", user => $user)), 429, "RATE_LIMIT_EXCEEDED", "a new key");

# tokens: 15 each
for my $row (["day", \&day_left], ["month", \&month_left]) {
    my ($window, $left) = @$row;

    $k = limited(limits => { $window => { tokens => 30 } });
    is(ask($k)->{status}, 200, "$window: 15 of 30");

    my $most = $left->();
    my $r = ask($k, messages => [{ role => "user", content => "x" }]);
    my $least = $left->();

    is($r->{status}, 200, "$window: 30 of 30");
    is($r->{headers}{"ratelimit-limit"}, 30, "$window: RateLimit-Limit");
    between($r, "ratelimit-reset", $least - 1, $most + 1, $window);

    $most = $left->();
    $r = ask($k);
    $least = $left->();
    refused($r, 429, "RATE_LIMIT_EXCEEDED", "$window: nothing is left");
    between($r, "retry-after", $least - 1, $most + 1, $window);
    is(limit_headers($r), "30 0", "$window: RateLimit of a refusal");

    # money has no RateLimit, time helps all the same
    $k = limited(limits => { $window => { cost => "0.000045" } });
    $r = ask($k);
    is($r->{status}, 200, "$window: money");
    is(limit_headers($r), "", "$window: no RateLimit");
    $most = $left->();
    $r = ask($k);
    $least = $left->();
    refused($r, 429, "RATE_LIMIT_EXCEEDED", "$window: no money is left");
    between($r, "retry-after", $least - 1, $most + 1, "$window: money");
}



=== TEST 13: which limit is told
--- upstream
$small
--- steps
away_from_midnight();

# 15 tokens and one request are used when it is told
for my $row ([{ usageLimit => 200, requestLimit => 100 }, "200"],
             [{ usageLimit => 1000, requestLimit => 2 }, "2"],
             [{ requestLimit => 4, limits => { day => { requests => 3 } } }, "3"],
             [{ requestLimit => 4, limits => { day => { requests => 5 } } }, "4"],
             [{ requestLimit => 9, rateLimits => { requestsPerMinute => 2 } }, "2"],
             [{ usageLimit => 1000000, rateLimits => { maxParallel => 2 } }, "2"],
             [{ costLimit => "1" }, ""],
             [{ costLimit => "0.0001", requestLimit => 100 }, "100"])
{
    my ($limits, $told) = @$row;
    my $k = limited(%$limits);

    ask($k);

    my $r = chat(question("chat", 4), key => $k->{key});
    my ($limit) = split / /, limit_headers($r);

    is($r->{status}, 200, json($limits));
    is(defined $limit ? $limit : "", $told, json($limits) . ": the smallest share left");
}

# a life has no end that is known
my $r = ask(limited(usageLimit => 1000));

is($r->{headers}{"ratelimit-reset"}, undef, "no Reset for life");



=== TEST 14: time helps with some of them
--- upstream
$small
--- steps
for my $row ([{ usageLimit => 0 }, ""], [{ requestLimit => 0 }, ""], [{ costLimit => "0" }, ""],
             [{ limits => { day => { tokens => 0 } } }, "86400"],
             [{ limits => { day => { requests => 0 } } }, "86400"],
             [{ limits => { month => { cost => "0" } } }, "2678400"],
             # who waits for a day is still refused for life
             [{ usageLimit => 0, limits => { day => { tokens => 0 } } }, ""],
             [{ requestLimit => 0, rateLimits => { maxParallel => 0 } }, ""])
{
    my ($limits, $most) = @$row;
    my $r = ask(limited(%$limits));

    refused($r, 429, "RATE_LIMIT_EXCEEDED", json($limits));
    is(limit_headers($r), "", "money is no number of RateLimit") if json($limits) =~ /cost/i;

    if ($most eq "") {
        is($r->{headers}{"retry-after"}, undef, json($limits) . ": no Retry-After");

    } else {
        between($r, "retry-after", 1, $most, json($limits));
    }
}

refused(ask(limited(rateLimits => { $_ => 0 })), 429, "RATE_LIMIT_EXCEEDED", "$_ 0")
    for qw(requestsPerMinute tokensPerMinute maxParallel);



=== TEST 15: who is refused has taken nothing
--- upstream
$small
--- steps
my @r = in_time(30, sub {
    my $k = limited(rateLimits => { requestsPerMinute => 2, tokensPerMinute => 100 },
                    usageLimit => 0);
    my $owner = jwt("user$users");
    my $set = sub {
        is(api("PATCH", "/api/ai-api/keys/$k->{id}", $_[0], $owner)->{status}, 200,
           "PATCH " . json($_[0]));
    };

    is(ask($k)->{status}, 429, "nothing is left") for 1 .. 5;
    $set->({ usageLimit => 5 });
    is(ask($k)->{status}, 429, "too little is left") for 1 .. 5;
    $set->({ usageLimit => undef });
    is(chat("{", key => $k->{key})->{status}, 400, "a mistake") for 1 .. 5;
    $set->({ rateLimits => { maxParallel => 0 } });
    is(ask($k)->{status}, 429, "none at the same time") for 1 .. 5;
    $set->({ rateLimits => { maxParallel => undef } });
    is(request("GET", "/api/ai-service/$_", undef, "X-API-Key" => $k->{key})->{status},
       200, $_) for qw(usage usage usage);

    return map { ask($k) } 1 .. 23;
});

is_deeply([map { $_->{status} } @r], [200, 200, (429) x 21], "two, then the rate");

# to ask again and again does not make it longer
cmp_ok($r[-1]{headers}{"retry-after"}, "<=", $r[2]{headers}{"retry-after"},
       "and not a second longer");



=== TEST 16: several limits at their ends: the one with which time helps least
--- upstream
$small
--- steps
away_from_midnight();

my %day = (limits => { day => { requests => 0 }, month => { requests => 9 } });
my %month = (limits => { day => { requests => 0 }, month => { requests => 0 } });

for my $row ([{ %day }, \&day_left], [{ %month }, \&month_left],
             [{ %day, rateLimits => { requestsPerMinute => 0 } }, undef],
             [{ %month, usageLimit => 0 }, undef])
{
    my ($limits, $left) = @$row;
    my $k = limited(%$limits);
    my $most = defined $left ? $left->() : 0;
    my $r = ask($k);
    my $least = defined $left ? $left->() : 0;

    is($r->{status}, 429, json($limits));
    next if !defined $left;
    between($r, "retry-after", $least - 1, $most + 1, json($limits));
}



=== TEST 17: a debt is so many tokens: it is what they are of another limit
--- upstream
{ ndjson => { pieces => 1, eval => 1000, prompt => 5, obey => 1 } }
--- steps
my $owner;
my $set = sub {
    my ($id, $limit) = @_;

    is(api("PATCH", "/api/ai-api/keys/$id", { rateLimits => { tokensPerMinute => $limit } },
           $owner)->{status}, 200, "PATCH " . json($limit));
};

for my $user ($no, $yes) {
    my $k = limited($user ? () : (rateLimits => { tokensPerMinute => 1 }));
    my $change = $user ? sub { set_user("user$users",
                                        { rateLimits => { tokensPerMinute => $_[0] } }) }
                       : sub { $set->($k->{id}, @_) };

    $owner = jwt("user$users");
    $change->(1) if $user;
    is(ask($k)->{status}, 200, "1005 tokens");
    idle();

    my $r = ask($k);

    refused($r, 429, "RATE_LIMIT_EXCEEDED", "at one a minute");
    cmp_ok($r->{headers}{"retry-after"}, ">", 50000, "16 hours");

    $change->(100);
    $r = ask($k);
    refused($r, 429, "RATE_LIMIT_EXCEEDED", "at a hundred");
    between($r, "retry-after", 1, 544, "9 minutes");
    reload_nginx(4);
    between(ask($k), "retry-after", 1, 544, "and after a reload");

    $change->(100_000);
    is(ask($k)->{status}, 200, "at 100,000 they are a second");
    idle();

    # none of nothing, and nothing is forgotten
    $change->(0);
    is(ask($k)->{headers}{"retry-after"}, undef, "at none a minute");

    # no limit, no debt
    $change->(undef);
    is(ask($k)->{status}, 200, "without a limit");
    idle();
    $change->(1);
    is(ask($k)->{status}, 200, "a new limit begins");
    idle();
    is(ask($k)->{status}, 429, "and binds");
}



=== TEST 18: what is held by those that run comes back in a moment
--- steps
away_from_midnight();

my %day = (limits => { day => { tokens => 30_000 } });

for my $row (["a day", {%day}], ["a month", { limits => { month => { tokens => 30_000 } } }],
             ["a life", { usageLimit => 30_000 }], ["requests", { requestLimit => 1 }],
             ["money", { costLimit => "0.01" }], ["a balance", {}, "0.01"],
             ["a user", {}, undef, { usageLimit => 30_000 }],
             ["with a rate", { %day, rateLimits => { requestsPerMinute => 9 } }])
{
    my ($name, $limits, $balance, $of_user) = @$row;
    my $k = limited(%$limits);

    set_user("user$users", $of_user) if $of_user;
    credit("user$users", $balance) if $balance;
    upstream({ %$small, gate => "g" });

    # JSON without a cap of its own holds all that is left
    my $send = sub { ("chat", question("chat", 40, stream => $no), $k->{key}) };
    my ($c) = crowd(1, $send);

    ollama()->wait_for(waiting => 1, "g");

    my ($other) = crowd(1, $send);
    my $r = $other->read_answer;

    is($r->{status}, 429, "$name: one runs");
    is($r->{headers}{"retry-after"}, 1, "$name: Retry-After");
    ollama()->open("g");
    ok(is_answer($c->read_answer), "$name: its end");
    idle();
    next if $name eq "requests";
    ok(is_answer(ask($k)), "$name: the next one");
}

# a part of it is held, and the rest is too little
my $k = limited(limits => { day => { tokens => 1000 } });

upstream({ %$small, gate => "g" });

my ($c) = crowd(1, sub { ("chat", question("chat", 20, stream => $no,
                                           options => { num_predict => 600 }), $k->{key}) });

ollama()->wait_for(waiting => 1, "g");

my $r = ask($k, messages => [{ role => "user", content => "x" x 2000 }]);

is($r->{status}, 429, "too little is left");
like($r->{body}, qr/: \d+ tokens left"/, "and how much");
is($r->{headers}{"retry-after"}, 1, "Retry-After");
ollama()->open("g");
ok(is_answer($c->read_answer), "its end");
idle();

# of several the one that does not come back
upstream({ %$small, gate => "g" });
$k = limited(limits => { month => { tokens => 30_000 }, day => { requests => 1 } });
($c) = crowd(1, sub { ("chat", question("chat", 40, stream => $no), $k->{key}) });
ollama()->wait_for(waiting => 1, "g");
is(ask($k)->{headers}{"retry-after"}, 1, "both are held");
ollama()->open("g");
ok(is_answer($c->read_answer), "its end");
idle();

my $most = day_left();

between(ask($k), "retry-after", day_left() - 60, $most + 1, "the day");
