# Ends of processes: killed, reloaded, told to quit or to go at once, with
# requests under way; and beginnings with a store that is no good.

use lib 't/lib';
use AiApi;
use AiApi::Faults;
use AiApi::Running;
use Digest::SHA;
use File::Copy qw(copy);
use Test::Nginx::Socket 'no_plan';

use vars qw($w $begin $pieces $alerts);

$w = recording("0.11.4/chat-stream");
($begin) = pieces_of($w);
$pieces = () = $begin =~ /\n/g;

# what nginx itself says of kill -9
$alerts = qr/worker process \d+ exited on signal 9/;

add_block_preprocessor(sub {
    my ($block) = @_;

    workers($block->name =~ /one worker/ ? 1 : 2);
    running_location($block, "ai_api_settle_timeout 50s;");

    # asserted by no_alerts()
    $block->set_value("no_error_log", "[crit]\n");
    $block->set_value("no_shutdown_error_log", "[crit]\n");
});


# Stops at the gate in the middle of its pieces, 400 bytes from the beginning.

sub play {
    upstream({ path => "/api/chat", contains => '"stream":true',
               play => $w->{name}, gate => "middle", gate_at => 400 },
             { path => "/", play => "0.11.4/root" });
}


sub mid_stream {
    my ($count) = @_;

    my @running;

    for (1 .. $count) {
        my $c = ask("chat", "true");
        my $head = $c->read_head;

        $c->read_until(qr/Why/);
        push @running, [$c, $head];
    }

    ollama()->wait_for(waiting => $count, "middle");

    return @running;
}


# One on each worker.

sub on_both {
    my (undef, @workers) = nginx_pids();

    my @running = map { by_worker($_, sub { mid_stream(1) }) } @workers;

    ollama()->wait_for(waiting => 2, "middle");
    is_deeply([sort map { worker_of($_->[1]) } @running], [sort @workers],
              "both workers have a stream");

    return @running;
}


sub finishes {
    my ($running, $name) = @_;

    my ($c, $head) = @$running;

    ok($c->read_body, "$name: ends");
    is($c->{body}, $w->{body}, "$name: byte for byte");
}


sub gone {
    my (@pids) = @_;

    return wait_for(sub { !grep { alive($_) } @pids });
}


sub alive {
    my ($pid) = @_;

    open my $in, "<", "/proc/$pid/stat" or return 0;
    my $stat = <$in>;

    return defined $stat && $stat !~ /\) [ZX] /;
}


# Two workers that are none of these.

sub replaced {
    my (@old) = @_;

    my %old = map { $_ => 1 } @old;

    return wait_for(sub {
        my (undef, @workers) = nginx_pids();
        return @workers && !grep { $old{$_} } @workers;
    });
}


# The same nginx once more: Test::Nginx wants one at the end of a block.

sub start_again {
    my ($count) = @_;

    my $root = $ENV{TEST_NGINX_SERVROOT};

    system("nginx", "-e", "$root/logs/error.log", "-p", "$root/", "-c",
           "$root/conf/nginx.conf") == 0 or die "nginx did not start\n";

    return wait_for(sub {
        my (undef, @workers) = nginx_pids($count);
        return @workers && -s "$root/logs/nginx.pid";
    });
}


# What a process left to the next one is written when that one has begun.

sub comes_to_ledger {
    my ($head, $name) = @_;

    eventually(sub { records_of($head) }, "$name: its record");
    in_ledger($head, $w, $name);
}


sub no_alerts {
    my ($but, $name) = @_;

    my @found = grep { /\[(?:alert|crit|emerg)\]/ } split /\n/, logged();

    @found = grep { $_ !~ $but } @found if $but;

    is(join("\n", @found), "", $name || "nothing alarming in the log");
}


# A store of its own: what a start of nginx says of it, and whether it is as
# it was.

sub start_with {
    my ($store) = @_;

    my $dir = state_dir();
    my $port = AiApi::Setup::free_port();
    my $before = checksum("$store/data.mdb");

    open my $out, ">", "$dir/other.conf" or die "$!\n";
    print $out "load_module $ENV{AI_API_MODULE};\n",
        $> == 0 ? "user $ENV{TEST_NGINX_WORKER_USER};\n" : "",
        "pid $dir/other.pid;\nevents { }\nhttp {\n",
        "    access_log off;\n",
        "    ai_api_store $store map_size=64m;\n",
        "    ai_api_pepper_file $dir/pepper;\n",
        "    server {\n        listen 127.0.0.1:$port;\n",
        "        location / { ai_api_pass http://127.0.0.1:1; }\n    }\n}\n";
    close $out;

    unlink "$dir/other.log";

    my $rc = system("nginx -e $dir/other.log -p $dir/ -c $dir/other.conf"
                    . " >/dev/null 2>&1");
    my $log = join "", map { $_ =~ /\[emerg\]/ ? $_ : () } lines("$dir/other.log");

    if ($rc == 0) {
        chomp(my $pid = wait_for(sub { lines("$dir/other.pid") }));

        # a master that is not in its loop yet would sleep over the first
        wait_for(sub { !alive($pid) || !kill("TERM", $pid) });
    }

    return ($rc >> 8, $log, checksum("$store/data.mdb") eq $before);
}


sub lines {
    open my $in, "<", $_[0] or return;

    return <$in>;
}


sub checksum {
    return Digest::SHA->new(256)->addfile($_[0], "b")->hexdigest;
}


sub contents {
    my ($path, $bytes) = @_;

    if (defined $bytes) {
        open my $out, ">:raw", $path or die "$path: $!\n";
        print $out $bytes;
        close $out or die "$path: $!\n";
    }

    open my $in, "<:raw", $path or die "$path: $!\n";
    local $/;

    return scalar <$in>;
}


# A copy of the store in use, with these bytes; nobody but nginx may read it.

sub copy_store {
    my ($name, $bytes) = @_;

    my $dir = state_dir() . "/$name";
    my ($uid, $gid) = (stat state_dir() . "/store/data.mdb")[4, 5];

    mkdir $dir, 0700;
    contents("$dir/data.mdb", $bytes);
    chmod 0600, "$dir/data.mdb";
    chown $uid, $gid, $dir, "$dir/data.mdb";

    return $dir;
}


run_tests();

__DATA__

=== TEST 1: kill -9 right after the last byte
--- steps
key();
play();
ollama()->open("middle");

for my $round (1 .. 5) {
    my $c = ask("chat", "true");
    my $head = $c->read_head;

    ok($c->read_body, "$round: the last byte");
    kill "KILL", worker_of($head);
    replaced(worker_of($head));
    in_ledger($head, $w, "$round");
}

is(scalar(ledger()), 5, "no record more");
no_alerts($alerts);



=== TEST 2: kill -9 in the middle of a stream
--- steps
key();
play();

my @running = on_both();
my $victim = worker_of($running[0][1]);

kill "KILL", $victim;
ok(replaced($victim), "another worker takes its place");

my @broken = grep { worker_of($_->[1]) == $victim } @running;
my @others = grep { worker_of($_->[1]) != $victim } @running;

ok(!$_->[0]->read_body, "its stream breaks off") for @broken;
ollama()->open("middle");

for my $other (@others) {
    finishes($other, "the other worker's stream");
    in_ledger($other->[1], $w, "the other worker's");
}

cmp_ok(scalar(records_of($_->[1])), "<=", 1, "not twice") for @broken;

for (1 .. 8) {
    my $c = ask("chat", "true");
    my $head = $c->read_head;

    finishes([$c, $head], "the next");
    in_ledger($head, $w, "the next");
}

no_alerts($alerts);



=== TEST 3: kill -9 in the middle of a commit
--- steps
key();
play();
ollama()->open("middle");
faults("fdatasync hang");

my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/^\Q$begin\E/);
faulted();

# the other worker waits for the lock of the one that hangs
my ($other) = grep { $_ != worker_of($head) } (nginx_pids())[1, 2];
my ($o, $h) = by_worker($other, sub {
    my $o = ask("chat", "true");
    my $h = $o->read_head;

    $o->read_until(qr/^\Q$begin\E/);

    return ($o, $h);
});

is(worker_of($h), $other, "the other worker has one, too");
kill "KILL", worker_of($head);
gone(worker_of($head));
ok(!$c->read_body, "the client has no last byte");
unlike($c->{body}, qr/"done":true/, "nor the final line");
faults();
finishes([$o, $h], "the other worker's");
in_ledger($h, $w, "the other worker's");

ok(replaced(worker_of($head)), "another worker takes its place");
cmp_ok(scalar(records_of($head)), "<=", 1, "at most one record");

for (1 .. 8) {
    my $c = ask("chat", "true");
    my $head = $c->read_head;

    finishes([$c, $head], "the next");
    in_ledger($head, $w, "the next");
}

no_alerts($alerts);



=== TEST 4: HUP while streams run
--- steps
key();
play();

my ($master, @old) = nginx_pids();
my @running = on_both();

kill "HUP", $master;

eventually(sub {
    my (undef, @now) = nginx_pids();
    return @now == 4;
}, "new workers beside the old ones");

my $r;

wait_for(sub {
    $r = api("GET", "/api/ai-service/", undef, key());
    return !grep { $_ == worker_of($r) } @old;
});
is($r->{status}, 200, "new workers answer");
ok(alive($_), "the old ones stay") for @old;

ollama()->open("middle");

for my $one (@running) {
    finishes($one, "a stream of the old workers");
    in_ledger($one->[1], $w, "a stream of the old workers");
}

$_->[0]->close for @running;
ok(gone(@old), "the old workers leave");
is(scalar(ledger()), scalar @running, "no record more");
no_alerts();



=== TEST 5: QUIT while streams run
--- steps
key();
play();

my ($master) = nginx_pids();
my @running = on_both();

kill "QUIT", $master;
ok(wait_for(sub { logged() =~ /gracefully shutting down/ }), "it is on its way");
ollama()->open("middle");
finishes($_, "its streams") for @running;
ok(gone($master), "nginx ends");
no_alerts();

start_again();
comes_to_ledger($_->[1], "after the next start") for @running;
is(scalar(ledger()), scalar @running, "no record more");



=== TEST 6: QUIT while last bytes are held
--- steps
key();
play();
ollama()->open("middle");
faults("fdatasync hang");

my ($master) = nginx_pids();
my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/^\Q$begin\E/);
faulted();

# one whose client has left meanwhile
my $left = ask("chat", "true");
my $left_head = $left->read_head;

$left->read_until(qr/^\Q$begin\E/);
ollama()->wait_for(ended => 2);
$left->reset;

kill "QUIT", $master;
wait_for(sub { logged() =~ /gracefully shutting down/ });
is(drain_input($c), $begin, "still held");
faults();
finishes([$c, $head], "the held one");
ok(gone($master), "nginx ends");
no_alerts();

start_again();
comes_to_ledger($head, "the held one");
comes_to_ledger($left_head, "the one without a client");
is(scalar(ledger()), 2, "no record more");



=== TEST 7: TERM while streams run
--- steps
key();
play();
ollama()->rules({ path => "/api/chat", contains => '"stream":true',
                  play => $w->{name}, gate => "middle", gate_at => 400 },
                { path => "/api/chat", gate => "silent",
                  play => "0.11.4/chat-json" });

my ($master) = nginx_pids();
my @running = on_both();
my $silent = ask("chat", "false");

ollama()->wait_for(waiting => 1, "silent");
kill "TERM", $master;
ok(gone($master), "nginx ends");
ok(!$_->[0]->read_body, "the streams break off") for @running;
no_alerts($alerts);

# nginx kills those that have not ended after a second
my $end = logged() =~ $alerts ? qr/^(?:server_shutdown|worker_crash)$/ : qr/^server_shutdown$/;

start_again();
eventually(sub { ledger() == 3 }, "three records");

for my $one (@running) {
    my @found = records_of($one->[1]);
    my $seen = () = $one->[0]{body} =~ /\n/g;

    is(scalar @found, 1, "one record");
    like($found[0]{status}, $end, "server_shutdown");
    is($found[0]{completionTokens}, $seen, "the pieces that passed");
    cmp_ok($found[0]{promptTokens}, ">=", 1, "the prompt");
    ok($found[0]{estimatedPrompt} && $found[0]{estimatedCompletion}, "estimated")
        or diag(json($found[0]));
}

my @rest = grep { my $id = $_->{requestId};
                  !grep { $_->[1]{headers}{"x-request-id"} eq $id } @running }
    ledger();

is(scalar @rest, 1, "the one without an answer has a record");
like($rest[0]{status}, $end, "server_shutdown");



=== TEST 8: TERM while last bytes are held, one worker
--- steps
key();
play();
ollama()->open("middle");
faults("fdatasync hang");

my ($master) = nginx_pids(1);
my $c = ask("chat", "true");
my $head = $c->read_head;

$c->read_until(qr/^\Q$begin\E/);
faulted();
kill "TERM", $master;
wait_for(sub { logged() =~ /signal 15 \(SIGTERM\) received/ });
faults();
ok(gone($master), "nginx ends");

# nginx kills those that have not ended after a second
no_alerts($alerts);

start_again(1);
comes_to_ledger($head, "the held one");



=== TEST 9: worker_shutdown_timeout ends what does not end by itself
--- main_config
worker_shutdown_timeout 100ms;
--- steps
key();
play();

my ($master, @old) = nginx_pids();
my @running = on_both();

kill "HUP", $master;
ok(gone(@old), "the old workers leave");
ok(!$_->[0]->read_body, "their streams break off") for @running;

for my $one (@running) {
    my @found;

    wait_for(sub { @found = records_of($one->[1]) });
    is(scalar @found, 1, "one record");
    is($found[0]{status}, "server_shutdown", "server_shutdown");
}

no_alerts();



=== TEST 10: a reload to a damaged store: the master lives and says why
--- error_log
restore
--- steps
key();
play();
ollama()->open("middle");

my $conf = "$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf";
my $good = contents($conf);
my $store = copy_store("bad", "x" x 65536);
my $before = checksum("$store/data.mdb");
my ($master, @old) = nginx_pids();
my $wait = sub {
    my @pids = @_;
    kill "HUP", $master;
    replaced(@pids);
};

(my $bad = $good) =~ s{/store map_size}{/bad map_size} or die "no store\n";
contents($conf, $bad);
$wait->(@old);

is((nginx_pids())[0], $master, "the master lives");
ok(alive($master), "indeed");
eventually(sub { logged() =~ /\[emerg\].*"\Q$store\E".*restore/ }, "a clear message");

my $c = ask("chat", "true");
my $r = $c->read_answer;

refused($r, 503, "AUTHENTICATION_ERROR", "no store, no work", qr/API/);
is(checksum("$store/data.mdb"), $before, "the file is as it was");

contents($conf, $good);
(undef, @old) = nginx_pids();
$wait->(@old);
$c = ask("chat", "true");
my $head = $c->read_head;
finishes([$c, $head], "with the good store again");
in_ledger($head, $w, "with the good store again");



=== TEST 11: a start with a store that is no good
--- steps
key();
play();
ollama()->open("middle");
finishes([$_, $_->read_head], "something to lose") for ask("chat", "true");

my ($master) = nginx_pids();

kill "QUIT", $master;
gone($master);

my $good = contents(state_dir() . "/store/data.mdb");
my ($rc, $log, $same) = start_with(copy_store("good", $good));

is($rc, 0, "a copy is as good") or diag($log);

(my $newer = $good) =~ s/(schema)\x01\x00{7}/$1\x7f\x00\x00\x00\x00\x00\x00\x00/g;
(my $both = $newer)
    =~ s/(min_reader)\x01\x00{7}/$1\x7f\x00\x00\x00\x00\x00\x00\x00/g;

isnt($both, $newer, "the version was found");

my %bad = (
    "rubbish" => "rubbish" x 10000,
    "zeros" => "\0" x 65536,
    "a few bytes" => substr($good, 0, 100),
    "one page" => substr($good, 0, 4096),
    "another magic" => substr($good, 0, 16) . "xxxx" . substr($good, 20, 4092)
        . "xxxx" . substr($good, 4116),
    "another LMDB version" => substr($good, 0, 20) . "\x63\0\0\0"
        . substr($good, 24, 4092) . "\x63\0\0\0" . substr($good, 4120),
    "a newer schema" => $both,
);

for my $name (sort keys %bad) {
    (my $dir = $name) =~ tr/a-zA-Z/_/cs;
    my ($rc, $log, $same) = start_with(copy_store($dir, $bad{$name}));

    isnt($rc, 0, "$name: refused");
    like($log, qr/\[emerg\].*store/, "$name: says so") or diag($log);
    ok($same, "$name: the file is as it was");
}

start_again();
is(scalar(ledger()), 1, "the good one was not touched");
no_alerts();



=== TEST 12: other numbers of slots and lanes: not at a reload, at a start
--- steps
key();
play();

my $conf = "$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf";
my $file = state_dir() . "/store/inflight.tab";
my $size = -s $file;
my ($master, @old) = nginx_pids();
my @running = on_both();

contents($conf, contents($conf) =~ s{(/store map_size=64m)}
                                    {$1 slots=128 lanes=16}r);
kill "HUP", $master;

eventually(sub { (() = logged() =~ /stays as it is, with 256 lanes and 4096/g)
                 == 2 }, "a line of each new worker");
ollama()->open("middle");

for my $one (@running) {
    finishes($one, "a stream of the old workers");
    in_ledger($one->[1], $w, "a stream of the old workers");
    $one->[0]->close;
}

ok(gone(@old), "the old workers leave");

my $c = ask("chat", "true");
my $head = $c->read_head;

finishes([$c, $head], "a new worker's");
in_ledger($head, $w, "a new worker's");
is(-s $file, $size, "the file is as it was");

# a charge is left to the next nginx
faults("fdatasync hang");
$c = ask("chat", "true");
$head = $c->read_head;
$c->read_until(qr/^\Q$begin\E/);
faulted();

my @pids = nginx_pids();
kill "KILL", @pids;
ok(gone(@pids), "all are killed");
faults();
start_again();

eventually(sub { logged() =~ /tab\.old\.1" now; its charges were taken over/ },
           "a new file");
comes_to_ledger($head, "what was left");
cmp_ok(-s $file, "<", $size, "it is smaller");
is(scalar(ledger()), 4, "no record more");
no_alerts();
