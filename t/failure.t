# What fails besides the disk (slowdisk.t): the map is full, no reader gets a
# place, the clock jumps, a thread dies.  Paid work is refused while a charge
# could be lost, reads go on, and it is over when its cause is.

use utf8;
use lib 't/lib';
use AiApi;
use AiApi::Faults;
use AiApi::Quota;
use AiApi::Running;
use AiApi::StoreLock;
use Test::Nginx::Socket 'no_plan';

use vars qw($w $plain $begin);

$w = recording("0.11.4/chat-stream");
$plain = recording("0.11.4/chat-json");
($begin) = pieces_of($w);

add_block_preprocessor(sub {
    my ($block) = @_;

    workers($block->name =~ /two workers/ ? 2 : 1);
    running_location($block, "ai_api_settle_timeout 50s;");

    # for an answer that is never charged, or not soon
    $block->set_value("config", $block->config . <<'EOC');
    location /soon/ {
        ai_api_pass http://ollama;
        ai_api_prefix /soon/;
        ai_api_settle_timeout 2s;
    }
EOC
});

# behind AiApi's, which makes the line
push @Test::Nginx::Util::BlockPreprocessors, sub {
    my ($block) = @_;

    my $options = $block->store_options or return;
    my $http = $block->http_config;

    chomp $options;
    $http =~ s/map_size=64m/$options/ or die "no store\n";
    $block->set_value("http_config", $http);
};


sub play {
    upstream({ path => "/api/chat", contains => '"stream":true',
               play => $w->{name} },
             { path => "/api/chat", play => $plain->{name} },
             { path => "/", play => "0.11.4/root" },
             { path => "/api/tags", play => "0.11.4/tags" });
}


sub answer {
    my ($stream, $prefix) = @_;

    local $AiApi::Running::prefix = $prefix if defined $prefix;

    my $c = ask("chat", $stream ? "true" : "false");
    my $head = $c->read_head;

    return ($c->read_body ? $head : undef, $c);
}


sub whole {
    my ($name) = @_;

    my ($head, $c) = answer(1);

    ok($head && $c->{body} eq $w->{body}, "$name: byte for byte");
    in_ledger($head, $w, $name) if $head;
}


sub reads_go_on {
    my ($name) = @_;

    is(api("GET", "/api/ai-service/usage", undef, key())->{status}, 200,
       "$name: GET /usage");
    is(api("GET", "/api/ai-service/", undef, key())->{body},
       "Ollama is running", "$name: GET /");
    is(api("GET", "/api/ai-api/keys", undef, jwt("alice"))->{status}, 200,
       "$name: GET /keys");
    is(api("GET", "/api/ai-api/admin/stats", undef, admin_jwt())->{status},
       200, "$name: GET /admin/stats");
}


sub billing_refused {
    my ($name) = @_;

    my $before = sent_count();
    my $r = chat({ model => "llama3", stream => JSON::PP::true,
                   messages => [{ role => "user", content => "x" }] });

    refused($r, 503, "BILLING_UNAVAILABLE", "$name: paid work is refused");
    is(sent_count(), $before, "$name: Ollama does not hear of it");
}


sub works_again {
    my ($name) = @_;

    wait_for(sub { my ($head) = answer(1); $head && $head->{status} == 200 })
        or fail("$name: works again");
    whole($name);
}


sub gapless {
    my ($name) = @_;

    my @lsns = map { $_->{lsn} } ledger("?limit=10000");

    is("@lsns", "@{[1 .. @lsns]}", "$name: no gap");

    return scalar @lsns;
}


# The same nginx with another line for its store, from the next workers on.

sub reconfigured {
    my ($from, $to) = @_;

    my $path = "$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf";

    open my $in, "<", $path or die "$path: $!\n";
    my $conf = do { local $/; <$in> };

    $conf =~ s/\Q$from\E/$to/ or die "$from is not there\n";

    open my $out, ">", $path or die "$path: $!\n";
    print $out $conf;
    close $out or die "$path: $!\n";

    return reloaded();
}


sub reloaded {
    my ($master, @old) = nginx_pids(1);

    kill "HUP", $master;

    return wait_for(sub {
        my (undef, @now) = nginx_pids(1);
        my %old = map { $_ => 1 } @old;
        return @now && !grep { $old{$_} } @now;
    });
}


run_tests();

__DATA__

=== TEST 1: the map is full: paid work is refused until there is a larger one
--- store_options
map_size=1m
--- error_log
cannot be written
--- no_error_log
[emerg]
exited on signal
--- no_shutdown_error_log
[emerg]
exited on signal
--- steps
key();
ledger();    # a user's first request is a write: it makes the user
play();

my ($whole, $torn, $status) = (0, 0, 0);

# large rows first: keys with long lists
for my $n (1 .. 1000) {
    my $r = api("POST", "/api/ai-api/keys",
                { name => "x", models => [map { "m$_" . "x" x 50 } 1 .. 30] },
                jwt("user" . int($n / 50)));
    $status = $r->{status};
    last if $status != 201;
}

is($status, 503, "no room for a key");

for (1 .. 20000) {
    my ($head) = answer(0, "/soon");

    $torn++ if !$head;
    $whole++ if $head && $head->{status} == 200;

    # others are a disk that is slow
    last if (!$head || $head->{status} != 200) && logged() =~ /cannot be written/;
}

billing_refused("full");
reads_go_on("full");

my $keys = api("POST", "/api/ai-api/keys", { name => "x" }, jwt("alice"));
refused($keys, 503, "BILLING_UNAVAILABLE", "full: POST /keys");

ok(reconfigured("map_size=1m", "map_size=16m"), "a larger map, a reload");
works_again("a larger map");

my $records = gapless("a larger map");

# each of the whole ones; of the others, at most those that were torn
cmp_ok($records, ">=", $whole + 2, "every charge is there");
cmp_ok($records, "<=", $whole + $torn + 2, "and no other one");



=== TEST 2: no reader gets a place: those who have one go on
--- store_options
map_size=64m readers=16
--- steps
key();
play();
whole("before");

my $others = AiApi::StoreLock->new(state_dir() . "/store");

cmp_ok($others->readers, ">", 3, "all places are taken");
whole("while nobody else gets a place");
reads_go_on("while nobody else gets a place");
is(gapless("after"), 2, "both are there");
undef $others;
whole("after");



=== TEST 3: no reader gets a place: a new worker refuses until there are some
--- store_options
map_size=64m readers=16
--- error_log
too many readers
has its store
--- no_error_log
exited on signal
--- no_shutdown_error_log
exited on signal
--- steps
key();
upstream({ path => "/api/chat", play => $w->{name}, gate => "g",
           gate_at => 400, times => 1 },
         { path => "/api/chat", play => $w->{name} },
         { path => "/", play => "0.11.4/root" });

# keeps the old worker, and its places
my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/Why/);

my $others = AiApi::StoreLock->new(state_dir() . "/store");

$others->readers;

my ($master, $old) = nginx_pids(1);

kill "HUP", $master;
wait_for(sub { logged() =~ /gracefully shutting down/ });

my $r;

wait_for(sub {
    $r = api("GET", "/api/ai-service/", undef, key());
    return worker_of($r) != $old;
});
refused($r, 503, "AUTHENTICATION_ERROR", "the new one cannot read",
        "API密钥验证失败");
ollama()->open("g");
ok($c->read_body, "the old one goes on");
is($c->{body}, $w->{body}, "byte for byte");

undef $others;
$c->close;
play();
works_again("the places are free again");
in_ledger($head, $w, "the old one's");
gapless("after");



=== TEST 4: readers that died: their places are given back
--- store_options
map_size=64m readers=16
--- error_log
exited on signal 9
--- no_error_log
exited on signal 11
--- no_shutdown_error_log
exited on signal 11
--- steps
key();
play();
whole("before");

my $others = AiApi::StoreLock->new(state_dir() . "/store");

$others->readers;
$others->kill;

# a worker that had none: whoever looks every ten seconds frees them
my (undef, $worker) = nginx_pids(1);
kill "KILL", $worker;
wait_for(sub { my (undef, @now) = nginx_pids(1);
               return @now && $now[0] != $worker });
works_again("stale readers");
reads_go_on("stale readers");



=== TEST 5: the clock jumps days ahead and back, two workers
--- steps
my $long = { exp => time() + 1000 * 86400 };

key();
play();
whole("before");

my @records;

for my $days (1, 0, -1, 30, -40, 0) {
    faults("clock offset " . $days * 86400);

    # streams that are under way when it jumps again; a gate stays open
    my $gate = "gate " . @records;

    ollama()->rules({ path => "/api/chat", play => $w->{name}, gate => $gate,
                      gate_at => 400 });

    my @open = map { my $c = ask("chat", "true"); [$c, $c->read_head] } 1 .. 4;

    $_->[0]->read_until(qr/Why/) for @open;
    faults("clock offset " . -$days * 43200);
    ollama()->open($gate);

    for my $one (@open) {
        ok($one->[0]->read_body, "$days days: ends");
        is($one->[0]{body}, $w->{body}, "$days days: byte for byte");
        push @records, $one->[1];
    }

    is(api("GET", "/api/ai-service/usage", undef, key())->{status}, 200,
       "$days days: GET /usage");
    is(api("GET", "/api/ai-api/usage", undef,
           jwt({ %$long, sub => "alice" }))->{status}, 200,
       "$days days: a report");
}

faults();
in_ledger($_, $w, "a charge over a jump") for @records;
is(gapless("after"), 1 + @records, "every one is there");

# the smallest jump is half a day
my @bad = grep { $_->{durationMs} < 0 || $_->{durationMs} > 21600000 } ledger();

is(scalar @bad, 0, "no duration is a jump's") or diag(json(\@bad));
is(api("GET", "/api/ai-api/admin/stats?from=2020-01-01&to=2100-01-01", undef,
       admin_jwt())->{json}{total}{requests}, 1 + @records,
   "the statistics have them all");



=== TEST 6: a worker gets no thread: it refuses paid work, the rest goes on
--- error_log
cannot start a thread
has its store
exited on signal 9
--- no_error_log
exited on signal 11
--- no_shutdown_error_log
exited on signal 11
--- steps
key();
play();
whole("before");

my (undef, $worker) = nginx_pids(1);

faults("thread errno 11");
kill "KILL", $worker;
wait_for(sub { my (undef, @now) = nginx_pids(1);
               return @now && $now[0] != $worker });
faulted();

my (undef, $second) = nginx_pids(1);

billing_refused("no thread");
is(api("GET", "/api/ai-service/", undef, key())->{body}, "Ollama is running",
   "no thread: GET /");

faults();
works_again("a thread can be made again");
is((nginx_pids(1))[1], $second, "the same worker");
gapless("after");



=== TEST 7: a worker dies with a request that Ollama has, before the first byte
--- error_log
3 requests of a worker that died are charged for what had passed
exited on signal 9
--- no_error_log
exited on signal 11
--- no_shutdown_error_log
exited on signal 11
--- steps
key();
play();
ollama()->rules({ path => "/api/chat", play => $w->{name}, gate => "g" });

my @c = map { ask("chat", "true") } 1 .. 3;

ollama()->wait_for(waiting => 3, "g");

# the worker has gone on from the call that sent it
api("GET", "/api/ai-service/usage", undef, key());

my (undef, $worker) = nginx_pids(1);

kill "KILL", $worker;
ok(!$_->read_head->{status}, "no answer") for @c;
eventually(sub { ledger() == 3 }, "a record for each");

for my $record (ledger()) {
    is_deeply([@$record{qw(kind status promptTokens completionTokens cost)}],
              ["charge", "worker_crash", 0, 0, "0"], "of nothing");
}

play();
works_again("the next worker");
is(api("GET", "/api/ai-api/admin/stats", undef, admin_jwt())->{json}{inFlight},
   0, "nothing is held");



=== TEST 10: a worker is killed before it has noted that Ollama has the request
--- error_log
exited on signal 9
--- no_error_log
exited on signal 11
--- no_shutdown_error_log
exited on signal 11
--- steps
key();
play();
faults("request killed 1");

my $c = ask("chat", "true");

ok(!$c->read_head->{status}, "no answer");
eventually(sub { sent_count() == 1 }, "Ollama has it");
eventually(sub { ledger() == 1 }, "a record");

my ($record) = ledger();

is_deeply([@$record{qw(kind status promptTokens completionTokens cost)}],
          ["charge", "worker_crash", 0, 0, "0"], "of nothing");

faults("request kill 1");
$c = ask("chat", "true");

ok(!$c->read_head->{status}, "no answer");
eventually(sub { ledger() == 2 }, "a record of what may have been sent");

works_again("the next worker");
is(api("GET", "/api/ai-api/admin/stats", undef, admin_jwt())->{json}{inFlight},
   0, "nothing is held");



=== TEST 8: a commit thread ends in the middle of a commit: its worker leaves
--- error_log
the commit thread has ended
was not durable in time
--- no_error_log
exited on signal
--- no_shutdown_error_log
exited on signal
--- steps
key();
play();
whole("before");

my (undef, $worker) = nginx_pids(1);

faults("fdatasync exit 1");

my ($torn, $c) = answer(1, "/soon");

like($c->{body}, qr/"code":"BILLING_UNAVAILABLE"\}\n\z/, "nobody commits it");
works_again("another worker");
isnt((nginx_pids(1))[1], $worker, "it is another one");
in_ledger($torn, $w, "the charge that nobody committed");
is(gapless("after"), scalar(ledger()), "no gap");



=== TEST 9: no room for the in-flight file: paid work waits for it, reads do not
--- error_log
paid work is refused with 503
has its store
exited on signal 9
--- no_error_log
exited on signal 11
--- no_shutdown_error_log
exited on signal 11
--- steps
key();
ledger();
play();
whole("before");

my $file = state_dir() . "/store/inflight.tab";
my (undef, $worker) = nginx_pids(1);

# nobody is in it
faults("fallocate errno 28");
unlink $file or die "$file: $!\n";
kill "KILL", $worker;
faulted();
wait_for(sub { my (undef, @now) = nginx_pids(1);
               return @now && $now[0] != $worker });

my (undef, $second) = nginx_pids(1);

billing_refused("no room");
reads_go_on("no room");
is(api("POST", "/api/ai-api/keys", { name => "x" }, jwt("alice"))->{status},
   201, "no room: POST /keys");

faults();
works_again("room");
is((nginx_pids(1))[1], $second, "the same worker");
is(gapless("after"), scalar(ledger()), "no gap");



=== TEST 11: all slots are taken: the log says so, and it goes on when one is free
--- store_options
map_size=64m slots=64
--- steps
my $ask = sub { ("chat", question("chat", 20), key()) };

key();
upstream({ path => "/api/chat", play => $plain->{name}, gate => "g" });

# each of them has a slot, and is at Ollama's
my @running = crowd(64, $ask);

is(scalar(decided("g", @running)), 0, "as many as there are slots");

for my $answer (answers(crowd(10, $ask))) {
    refused($answer, 503, "BILLING_UNAVAILABLE", "one more", qr/./);
    is($answer->{headers}{"retry-after"}, 1, "one more: Retry-After");
}

eventually(sub { logged() =~ / all 64 slots of the in-flight file are taken/ },
           "a line");
ollama()->open("g");
is(scalar(ok_answers(@running)), 64, "those that ran have their answers");

upstream({ path => "/api/chat", play => $plain->{name} });
is(chat(question("chat", 20), key => key())->{status}, 200, "the next one too");

# ten were refused at about the same time
my @lines = grep { / all 64 slots of / } split /^/, logged();
my %seconds = map { /^\S+ (\S+) / ? ($1 => 1) : () } @lines;

is(scalar(@lines), scalar(keys %seconds), "a line a second at most");
ok((!grep { !/ \[warn\] / } @lines), "a warning");



=== TEST 12: too many charges wait for the disk: no more paid work until it is back
--- store_options
map_size=64m slots=64
--- error_log
was not durable in time
--- no_error_log
[alert]
[emerg]
--- steps
key();
play();
whole("before");
faults("fdatasync hang");

local $AiApi::Running::prefix = "/soon";

my @c = map { ask("chat", "false") } 1 .. 40;

faulted();

# those that were admitted are final when they are refused at last: more than
# half of the slots, since nothing else refuses before that
$_->read_answer for @c;
cmp_ok(sent_count(), ">", 33, "as many as that were let in");
billing_refused("half of the slots wait");

faults();
works_again("the disk");
eventually(sub { ledger() >= 34 }, "all that were admitted are charged");
is(gapless("after"), scalar(ledger()), "no gap");
