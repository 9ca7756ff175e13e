# 80 % and 100 % of a limit: a line in the error log and a number in the
# statistics, once for each.

use lib 't/lib';
use AiApi;
use AiApi::Quota;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $small $users);

$yes = JSON::PP::true;
$no = JSON::PP::false;

# 15 tokens, 0.000045
$small = { ndjson => { pieces => 5, prompt => 10, obey => 1 } };

workers(4);


sub limited {
    my (%limits) = @_;

    return create_key(name => "x", user => "user" . ++$users, %limits);
}


sub ask {
    my ($k) = @_;

    # the whole answer is in the ledger; its record may be looked at after it
    my $r = chat(question("chat", 40, options => { num_predict => 5 }), key => $k->{key});

    idle();
    return $r->{status};
}


sub set_for {
    my ($k, $changes) = @_;

    is(api("PATCH", "/api/ai-api/keys/$k->{id}", $changes, jwt("user$users"))->{status}, 200,
       "PATCH " . json($changes));
}


# [level, of what, of which window, key, user] of each line so far

sub lines {
    my @found;

    for (split /\n/, logged()) {
        next if !/(\d+)% of a limit is used: /;
        like($_, qr/\[notice\]/, "a notice") if !/\[notice\]/;
        push @found, /(\d+)% of a limit is used: (\w+) of a (\w+),(?: key "(\w+)",)? user "([^"]+)"/
            ? join " ", $1, $2, $3, defined $4 ? $4 : "-", $5 : $_;
    }

    return @found;
}


sub numbers {
    my $n = stats()->{limitNotices};

    return "$n->{at80} $n->{at100}";
}


run_tests();

__DATA__

=== TEST 1: tokens of a key
--- upstream
$small
--- steps
is(numbers(), "0 0", "no notice");

# 75 of 93 are 80 %, and a bit
my $k = limited(usageLimit => 93);

is(ask($k), 200, "$_ of 5") for 1 .. 4;
is_deeply([lines()], [], "64 %");
is(ask($k), 200, "5 of 5");
eventually(sub { lines() == 1 }, "80 %");
is_deeply([lines()], ["80 tokens life $k->{id} user$users"], "what it says");
is(numbers(), "1 0", "the numbers");
is(ask($k), 200, "90 of 93");
is(numbers(), "1 0", "not twice");

# all that is left
set_for($k, { usageLimit => 90 });
is(ask($k), 429, "nothing is left");
is(ask($k), 429, "nothing is left");

is(scalar(grep { !/\[debug\]/ && /\Q$k->{key}\E/ } split /\n/, logged()), 0, "no secret in it");



=== TEST 2: each limit, of key and user, up to 100 %
--- upstream
$small
--- steps
away_from_midnight();

my $n = 0;

for my $row ([usageLimit => 30, "tokens", "life"], [requestLimit => 2, "requests", "life"],
             [costLimit => "0.00009", "cost", "life"], [tokens => 30, "tokens", "day"],
             [requests => 2, "requests", "day"], [cost => "0.00009", "cost", "day"],
             [tokens => 30, "tokens", "month"], [requests => 2, "requests", "month"],
             [cost => "0.00009", "cost", "month"])
{
    my ($member, $limit, $what, $window) = @$row;
    my %limits = $window eq "life" ? ($member => $limit)
        : (limits => { $window => { $member => $limit } });

    for my $of_user (0, 1) {
        my $k = $of_user ? limited() : limited(%limits);
        my $whose = $of_user ? "- user$users" : "$k->{id} user$users";
        my $name = "$what of a $window, $whose";

        set_user("user$users", \%limits) if $of_user;
        is(ask($k), 200, "$name: one of two");
        is(scalar(grep { / \Q$whose\E$/ } lines()), 0, "$name: 50 %");
        is(ask($k), 200, "$name: two of two");
        is(ask($k), 429, "$name: three of two") for 1, 2;
        $n++;
        eventually(sub { grep { $_ eq "100 $what $window $whose" } lines() }, "$name: 100 %");
        is(scalar(grep { /^100.* \Q$whose\E$/ } lines()), 1, "$name: once");
    }
}

my (undef, $at100) = split / /, numbers();

is($at100, $n, "the number");



=== TEST 3: once, with all workers at the same time
--- upstream
$small
--- steps
my $k = limited(requestLimit => 10);
my @crowd = crowd(60, sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) });

is(scalar(ok_answers(@crowd)), 10, "ten");
idle();
is(ask($k), 429, "nothing is left");
eventually(sub { grep { /^100/ } lines() }, "100 %");
is(scalar(grep { /^100/ } lines()), 1, "one line");
like(numbers(), qr/^[01] 1$/, "the numbers");



=== TEST 4: not again after a reload
--- upstream
$small
--- steps
my $k = limited(requestLimit => 5);

is(ask($k), 200, "$_ of 5") for 1 .. 4;
eventually(sub { lines() == 1 }, "80 %");
reload_nginx(4);
is(numbers(), "1 0", "the numbers stay");
is(ask($k), 200, "5 of 5");
is(ask($k), 429, "6 of 5");
eventually(sub { lines() == 2 }, "100 %");
is_deeply([lines()], ["80 requests life $k->{id} user$users",
                      "100 requests life $k->{id} user$users"], "a line each");
is(numbers(), "1 1", "the numbers");



=== TEST 5: a prompt that counts more than strict held for it
--- http_config
    ai_api_quota strict;
    ai_api_context_length 9;
--- upstream
$small
--- error_log
counted 10 tokens, "ai_api_quota strict" held 9
--- steps
my $k = limited(usageLimit => 1000);

is(stats()->{limitNotices}{overruns}, 0, "none yet");
is(ask($k), 200, "it is charged");
is(key_object($k->{id}, "user$users")->{usageCount}, 15, "as it counted");
is(stats()->{limitNotices}{overruns}, 1, "and counted");



=== TEST 8: an answer that is longer than strict let it be
--- http_config
    ai_api_quota strict;
    ai_api_context_length 100;
    ai_api_max_output_tokens 4;
--- upstream
{ ndjson => { pieces => 4, prompt => 10, eval => 5, obey => 1 } }
--- error_log
counted 5 tokens, "ai_api_quota strict" held 4
--- steps
my $k = limited(usageLimit => 1000);

is(chat(question("chat", 40, stream => $no), key => $k->{key})->{status}, 200, "it is charged");
is(key_object($k->{id}, "user$users")->{usageCount}, 15, "as it counted");
is(stats()->{limitNotices}{overruns}, 1, "and counted");



=== TEST 5: one limit's end does not hide another one's
--- upstream
$small
--- steps
away_from_midnight();

my $k = limited(requestLimit => 5, limits => { day => { requests => 4 } });

is(ask($k), 200, "$_ of 4") for 1 .. 4;
is(ask($k), 429, "5 of 4");
eventually(sub { lines() == 2 }, "two limits");
is_deeply([sort(lines())], ["100 requests day $k->{id} user$users",
                            "80 requests life $k->{id} user$users"], "a line each");
is(numbers(), "1 1", "the numbers");
