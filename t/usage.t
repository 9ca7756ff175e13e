# GET /api/ai-api/usage and /api/ai-service/usage/:requestId: what a user sees
# of the bill.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(@ollama @sums);

@sums = qw(requests promptTokens completionTokens totalTokens cost);

# the prompt says what is counted: <prompt,completion>
@ollama = map { my ($p, $c) = @$_;
                { contains => "<$p,$c>", raw => http_answer(200, '{"response":"x",'
                  . "\"done\":true,\"prompt_eval_count\":$p,\"eval_count\":$c}") } }
    [1, 1], [3, 4], [10, 20], [1000, 7], [333, 1];


sub ask {
    my ($key, $model, $counts) = @_;

    my $r = generate({ model => $model, prompt => "<$counts>" }, key => $key);

    is($r->{status}, 200, "$model $counts") or diag($r->{body});

    return $r;
}


sub usage {
    my ($query, $token) = @_;

    return api("GET", "/api/ai-api/usage$query", undef,
               defined $token ? $token : jwt("alice"));
}


# The rows of a list, added up: money in nano-units.

sub added {
    my (@rows) = @_;

    my %sum = map { $_ => 0 } @sums;

    for my $row (@rows) {
        $sum{$_} += $_ eq "cost" ? nano($row->{cost}) : $row->{$_} for @sums;
    }

    $sum{cost} = cost($sum{cost});

    return \%sum;
}


sub nano {
    my ($units, $rest) = split /\./, $_[0];

    return $units * 1e9 + substr((defined $rest ? $rest : "") . "0" x 9, 0, 9);
}


# A day, or an hour.

sub date {
    my ($time, $hour) = @_;

    my ($s, $m, $h, $day, $month, $year) = gmtime $time;
    my $text = sprintf "%04d-%02d-%02dT%02d:00:00Z", $year + 1900, $month + 1, $day, $h;

    return $hour ? $text : substr $text, 0, 10;
}


# The steps must not run over the end of an hour.  A slow machine may take a
# minute for them.

sub away_from_the_hour {
    my $left = 3600 - time() % 3600;

    sleep $left + 1 if $left < 60;
}


run_tests();

__DATA__

=== TEST 1: nothing yet
--- steps
my $r = usage("");

is($r->{status}, 200, "status");
is($r->{headers}{"content-type"}, "application/json; charset=utf-8", "type");
is_deeply([members($r->{body})], [qw(currency from to total byModel byKey byDay)],
          "members");
is($r->{json}{currency}, "CNY", "currency");
is_deeply($r->{json}{total}, { requests => 0, promptTokens => 0, completionTokens => 0,
                               totalTokens => 0, cost => "0" }, "total");
is_deeply([@{ $r->{json} }{qw(byModel byKey byDay)}], [[], [], []], "no rows");
like($r->{json}{$_}, qr/^20\d\d-\d\d-\d\dT\d\d:00:00Z$/, $_) for qw(from to);
is(usage("")->{headers}{"x-request-id"} =~ /^[0-9a-f]{32}$/, 1, "X-Request-Id");
is(request("HEAD", "/api/ai-api/usage", undef, Authorization => "Bearer " . jwt("alice"))
   ->{status}, 200, "HEAD");



=== TEST 2: the whole object
--- upstream
@ollama
--- steps
away_from_the_hour();

my $now = time();
my $one = create_key(name => "one");
my $two = create_key(name => "two");

ask($one->{key}, "llama3", "3,4") for 1 .. 2;
ask($one->{key}, "llama2", "10,20");
ask($two->{key}, "llama3", "1000,7");

my $bob = create_key(name => "his", user => "bob");
ask($bob->{key}, "llama3", "333,1");

my $r = usage("");
my $j = $r->{json};

is_deeply($j->{total}, { requests => 4, promptTokens => 1016, completionTokens => 35,
                         totalTokens => 1051, cost => "0.003123" }, "total");
is_deeply([sort { $a->{model} cmp $b->{model} } @{ $j->{byModel} }],
          [{ model => "llama2:latest", family => "Llama2", requests => 1,
             promptTokens => 10, completionTokens => 20, totalTokens => 30,
             cost => "0.00006" },
           { model => "llama3:latest", family => "Llama3", requests => 3,
             promptTokens => 1006, completionTokens => 15, totalTokens => 1021,
             cost => "0.003063" }], "byModel");
is_deeply([sort { $a->{name} cmp $b->{name} } @{ $j->{byKey} }],
          [{ id => $one->{id}, name => "one", requests => 3, promptTokens => 16,
             completionTokens => 28, totalTokens => 44, cost => "0.000102" },
           { id => $two->{id}, name => "two", requests => 1, promptTokens => 1000,
             completionTokens => 7, totalTokens => 1007, cost => "0.003021" }], "byKey");
is_deeply($j->{byDay}, [{ date => date($now), %{ $j->{total} } }], "byDay");

is_deeply([members((map { $_->[1] } grep { $_->[0] eq "total" } top_level($r->{body}))[0])],
          \@sums, "the order of the members");
is_deeply(added(@{ $j->{$_} }), $j->{total}, "$_ adds up") for qw(byModel byKey byDay);

is(usage("", jwt("bob"))->{json}{total}{totalTokens}, 334, "another user's own");
is(usage("", jwt("carol"))->{json}{total}{requests}, 0, "a third has none");



=== TEST 3: a deleted key stays in the usage
--- upstream
@ollama
--- steps
my $k = create_key(name => "gone");

ask($k->{key}, "llama3", "3,4");
api("DELETE", "/api/ai-api/keys/$k->{id}", undef, jwt("alice"));

my $j = usage("")->{json};

is($j->{total}{totalTokens}, 7, "total");
is_deeply([map { "$_->{id} $_->{name}" } @{ $j->{byKey} }], ["$k->{id} gone"], "byKey");



=== TEST 4: from, to
--- upstream
@ollama
--- steps
away_from_the_hour();
ask(key(), "llama3", "3,4");

my $now = time();
my $hour = $now - $now % 3600;
my $at = sub { date($_[0], "hour") };
my $day = date($now);

for my $case (
    ["from=" . $at->($hour), 1], ["from=" . $at->($hour + 3600), 0],
    ["from=" . $at->($hour - 7200) . "&to=" . $at->($hour), 0],
    ["from=" . $at->($hour - 7200) . "&to=" . $at->($hour + 3600), 1],
    ["from=" . $at->($hour) . "&to=" . $at->($hour + 3600), 1],
    ["from=$day", 1], ["from=" . date($now - 86400) . "&to=$day", 0],
    ["from=$day&to=" . date($now + 86400), 1],
    ["from=" . date($now - 86400 * 400), 1], ["to=" . date($now - 86400), 0],
) {
    my ($query, $requests) = @$case;
    my $r = usage("?$query");

    is($r->{status}, 200, $query) or diag($r->{body});
    is($r->{json}{total}{requests}, $requests, "requests") or diag($r->{body});
    is_deeply(added(@{ $r->{json}{$_} }), $r->{json}{total}, "$_ adds up")
        for qw(byModel byKey byDay);
}

# cut to the hour, echoed
my $r = usage("?from=2026-01-02T03:45:59Z&to=2026-02-03T04:05:06Z");

is("$r->{json}{from} $r->{json}{to}", "2026-01-02T03:00:00Z 2026-02-03T04:00:00Z", "cut");

$r = usage("?from=2026-01-02&to=2026-02-03");
is("$r->{json}{from} $r->{json}{to}", "2026-01-02T00:00:00Z 2026-02-03T00:00:00Z", "dates");

$r = usage("?from=2026-01-02T03:00:00%2B02:00&to=2026-01-02T05:30:00.25Z");
is("$r->{json}{from} $r->{json}{to}", "2026-01-02T01:00:00Z 2026-01-02T05:00:00Z",
   "an offset, a fraction");

# the last 30 days
$r = usage("");
my ($from, $to) = @{ $r->{json} }{qw(from to)};
my $days = sub { my @d = $_[0] =~ /\d+/g; require Time::Local;
                 Time::Local::timegm(0, 0, $d[3], $d[2], $d[1] - 1, $d[0]) };

cmp_ok($days->($to), ">", $now, "to: the hour under way is in it");
is(($days->($to) - $days->($from)) / 86400, 30, "30 days") or diag("$from $to");



=== TEST 5: groupBy
--- upstream
@ollama
--- steps
away_from_the_hour();
ask(key(), "llama3", "3,4");
ask(key(), "llama2", "10,20");

for my $case (["day", "byDay"], ["hour", "byHour"], ["model", "byModel"], ["key", "byKey"],
              ["model,key", "byKey byModel"],
              ["day,hour,model,key", "byDay byHour byKey byModel"],
              ["key,day", "byDay byKey"])
{
    my ($groups, $lists) = @$case;
    my $r = usage("?groupBy=$groups");

    is($r->{status}, 200, $groups);
    is(join(" ", sort grep { /^by/ } members($r->{body})), $lists, "its lists");

    for my $list (split / /, $lists) {
        is_deeply(added(@{ $r->{json}{$list} }), $r->{json}{total}, "$list adds up");
    }
}

is(scalar @{ usage("?groupBy=hour")->{json}{byHour} }, 1, "one hour");



=== TEST 6: tz
--- upstream
@ollama
--- steps
away_from_the_hour();

my $now = time();

ask(key(), "llama3", "3,4");

for my $case (["%2B08:00", 8], ["+08:00", 8], ["-11:00", -11], ["%2B14:00", 14],
              ["%2B00:00", 0], ["Z", 0])
{
    my ($tz, $hours) = @$case;
    my $r = usage("?tz=$tz");

    next if $tz eq "Z" && $r->{status} == 400;
    is($r->{status}, 200, "tz=$tz") or diag($r->{body});
    is_deeply([map { $_->{date} } @{ $r->{json}{byDay} }], [date($now + $hours * 3600)],
              "the day there");
}

for my $tz ("%2B08:30", "08:00", "Asia/Shanghai", "%2B8", "%2B25:00", "x", "%2B08:00x") {
    refused(usage("?tz=$tz"), 400, "INVALID_REQUEST", "tz=$tz");
}



=== TEST 7: wrong queries
--- steps
refused(usage("?$_"), 400, "INVALID_REQUEST", $_)
    for "from=x", "from=2026-13-01", "from=2026-02-30", "to=yesterday", "groupBy=x",
        "groupBy=day,x", "from=2026-01-02&to=2026-01-01", "from=1700000000",
        "from=2026-01-02T25:00:00Z", "to=2026-01-02T00:00:00";
is(usage("?unknown=1")->{status} =~ /^(?:200|400)$/, 1, "an unknown one is no accident");



=== TEST 8: GET /usage/:requestId
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $mine = create_key(name => "mine");
my $also = create_key(name => "also mine");
my $his = create_key(name => "his", user => "bob");
my $id = chat({ model => "llama3", stream => JSON::PP::true,
                messages => [{ role => "user", content => "x" }] }, key => $mine->{key})
    ->{headers}{"x-request-id"};
my $get = sub {
    my ($key, $path) = @_;
    return api("GET", "/api/ai-service/usage/$path", undef, $key->{key});
};
my $r = $get->($mine, $id);
my ($record) = ledger();

is($r->{status}, 200, "its own");
delete @$record{qw(lsn user)};
is_deeply($r->{json}, $record, "the record without user and lsn");

refused($get->($also, $id), 404, "NOT_FOUND", "another key of the user");
refused($get->($his, $id), 404, "NOT_FOUND", "another user's");
refused($get->($mine, "0" x 32), 404, "NOT_FOUND", "none");

for my $path ("x", substr($id, 0, 31), "${id}0", uc($id) . "x", "$id/", "%00") {
    my $status = $get->($mine, $path)->{status};
    like($status, qr/^40[034]$/, $path);
}

my $head = request("HEAD", "/api/ai-service/usage/$id", undef, "X-API-Key" => $mine->{key});
is("$head->{status} $head->{body}", "200 ", "HEAD");



=== TEST 9: sums are exact
--- http_config
    ai_api_price llama3 input=0.000000001 output=0.000000001;
    ai_api_price qwen   input=0.000001234567 output=99999.999999999;
--- upstream
@ollama
--- steps
# half a nano-unit and more is rounded up, less is dropped, once a record
ask(key(), "llama3", "1,1") for 1 .. 3;
ask(key(), "llama3", "1000,7");
ask(key(), "qwen", "3,4");

my @records = ledger();

is_deeply([map { $_->{costNano} } @records], [0, 0, 0, 1, 400000000004], "each")
    or diag(json(\@records));

my $j = usage("")->{json};

is_deeply(added(@{ $j->{$_} }), $j->{total}, "$_ adds up") for qw(byModel byKey byDay);

my $nano = 0;
$nano += $_->{costNano} for @records;
is($j->{total}{cost}, cost($nano), "the total is the sum of the records");



=== TEST 10: many records, folded and not
--- upstream
@ollama
--- steps
my @keys = map { create_key(name => "key $_", user => $_ % 2 ? "alice" : "bob") } 1 .. 4;
my @models = qw(llama3 llama2 mistral codellama);
my @counts = ("1,1", "3,4", "10,20", "1000,7", "333,1");
my $n = 0;

for my $round (1 .. 60) {
    my $c = $counts[$round % 5];
    my $r = generate({ model => $models[$round % 4], prompt => "<$c>" },
                     key => $keys[$round % 3]{key});
    $n++ if $r->{status} == 200;

    next if $round % 10;

    my $all = 0;

    for my $user (qw(alice bob)) {
        my $j = usage("", jwt($user))->{json};

        is_deeply(added(@{ $j->{$_} }), $j->{total}, "$user, $_ adds up")
            for qw(byModel byKey byDay);
        $all += $j->{total}{requests};
    }

    is($all, $n, "after $n requests");
}

my @records = ledger();
my $sum = { map { $_ => added(grep { $_->{user} eq "alice" } map { { %$_, requests => 1,
            totalTokens => $_->{promptTokens} + $_->{completionTokens} } } @records)->{$_} }
            @sums };

is_deeply(usage("")->{json}{total}, $sum, "the usage is the sum of the ledger");
