# What the operator does with the ledger, while nginx runs: verify, backup,
# restore, compact, ledger export, retention.

use utf8;
use lib 't/lib';
use AiApi;
use AiApi::Ctl;
use AiApi::Faults;
use Digest::SHA qw(sha256_hex hmac_sha256_hex);
use Fcntl qw(LOCK_EX LOCK_UN);
use JSON::PP ();
use POSIX ();
use Test::Nginx::Socket 'no_plan';

use vars qw($root @user $plain);

$root = $> == 0;
@user = $root ? ("--user", "nobody") : ();
$plain = recording("0.11.4/chat-json");


sub play {
    upstream({ path => "/api/chat", play => $plain->{name} });
}


sub ask_once {
    return chat({ model => "llama3",
                  messages => [{ role => "user", content => "x" }] });
}


# n requests, all of them whole.

sub asks {
    my ($n, $name) = @_;

    my $good = grep { ask_once()->{status} == 200 } 1 .. $n;

    is($good, $n, "$name: answers");
}


# A client that asks until it is told to stop, in a process of its own.

sub client_in_the_background {
    my $pid = fork;
    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        my ($stop, $bad) = (0, 0);
        local $SIG{TERM} = sub { $stop = 1 };

        while (!$stop) {
            my $r = eval { ask_once() };

            # the signal may have come in the middle of it
            next if !$r && $stop;
            $bad++ if !$r || $r->{status} != 200;
        }

        POSIX::_exit($bad ? 1 : 0);
    }

    return $pid;
}


sub verifies {
    my ($name, @args) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $how = ref $args[0] ? shift @args : {};
    my $r = ctl($how, "verify", "--json", @args);

    is($r->{code}, 0, "$name: verify") or diag($r->{err});
    is_deeply($r->{json}{differences}, [], "$name: no difference");

    return $r->{json};
}


sub lines_of {
    my ($path) = @_;

    open my $in, "<", $path or die "$path: $!\n";

    return my @lines = <$in>;
}


sub text_of {
    return join "", lines_of(@_);
}


sub put_text {
    my ($path, $text) = @_;

    open my $out, ">", $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}


# Another byte in a file, and back.

sub flip {
    my ($path, $at) = @_;

    open my $f, "+<:raw", $path or die "$path: $!\n";
    seek $f, $at, 0;
    read $f, my $c, 1;
    seek $f, $at, 0;
    print $f chr(ord($c) ^ 1);
    close $f or die "$path: $!\n";
}


# All lines of the audit: the store's, and those of an archive's files.

sub audit_lines {
    my ($after, @lines) = (0);

    while (defined $after) {
        my $page = api("GET", "/api/ai-api/admin/audit?limit=1000&after=$after",
                       undef, admin_jwt())->{json};

        push @lines, @{ $page->{audit} };
        $after = $page->{next};
    }

    return @lines;
}


sub archived_lines {
    my ($archive) = @_;

    return map { JSON::PP->new->utf8->decode($_) }
           map { lines_of($_) } glob "$archive/audit-*.ndjson";
}


sub credit_of {
    my ($name) = @_;

    return api("POST", "/api/ai-api/admin/users/alice/credit",
               { amount => "5" }, admin_jwt(), "Idempotency-Key" => $name);
}


sub limit_of {
    my ($n) = @_;

    return api("PATCH", "/api/ai-api/admin/users/alice",
               { usageLimit => $n }, admin_jwt())->{status};
}


# Runs a command and kills it, with its children, after so long.  Its exit code
# when it had ended before.

sub killed_after {
    my ($seconds, @args) = @_;

    my %file = (out => "/dev/null", err => "/dev/null");
    my $pid = fork;
    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        POSIX::setpgid(0, 0);
        AiApi::Ctl::run({}, \%file, state_dir(), $AiApi::Ctl::program, @args);
        POSIX::_exit(127);
    }

    # whichever of the two comes first
    POSIX::setpgid($pid, $pid);

    select undef, undef, undef, $seconds;
    kill "KILL", -$pid;
    waitpid $pid, 0;

    return $? & 127 ? undef : $? >> 8;
}


# nginx goes on with another directory of the store.

sub moved_to {
    my ($dir) = @_;

    my $path = "$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf";
    my $conf = text_of($path);

    $conf =~ s/(ai_api_store\s+)\S+/$1$dir/ or die "no store\n";

    open my $out, ">", $path or die "$path: $!\n";
    print $out $conf;
    close $out or die "$path: $!\n";

    my ($master, @old) = nginx_pids(2);
    my %old = map { $_ => 1 } @old;

    kill "HUP", $master;

    return wait_for(sub {
        my (undef, @now) = nginx_pids(2);
        return @now == 2 && !grep { $old{$_} } @now;
    });
}


run_tests();

__DATA__

=== TEST 1: verify, backup and restore while requests run
--- steps
key();
play();
asks(3, "before");

my $dir = state_dir();
my $client = client_in_the_background();
my $last = 0;

for my $i (1 .. 5) {
    my $seen = verifies("round $i");
    cmp_ok($seen->{last}, ">=", $last, "round $i: it goes on");
    $last = $seen->{last};

    my $r = ctl("backup", "--json", "--verify", "$dir/backup.$i");
    is($r->{code}, 0, "round $i: backup") or diag($r->{err});
    cmp_ok($r->{json}{last}, ">=", $last, "round $i: what is in it");
    ok($r->{json}{verified}, "round $i: verified");
    is_deeply([glob "$dir/backup.$i/*"], ["$dir/backup.$i/data.mdb"],
              "round $i: one file");
    is(sprintf("%04o", (stat "$dir/backup.$i/data.mdb")[2] & 07777), "0600",
       "round $i: its mode");
}

kill "TERM", $client;
waitpid $client, 0;
is($?, 0, "no answer suffered");

my $r = ctl("backup", "$dir/last");
is($r->{code}, 0, "backup") or diag($r->{err});
like($r->{out}, qr/\A\S+ holds the store up to record \d+ \(\S+ [KM]iB\)\.\n\z/,
     "what it says");

refuses("not over a backup", 1, qr/not an empty directory/, "backup",
        "$dir/last");
refuses("no directory above", 1, qr/No such file/, "backup",
        "$dir/not/there");

# a kill may have left it, before it was the store's owner's
mkdir "$dir/$_.new" or die "$dir/$_.new: $!\n" for "again", "taken", "anew";
put_text("$dir/taken.new/file", "x");

is(ctl("backup", "$dir/again/")->{code}, 0, "backup, after a kill");
is((stat "$dir/again")[4], (stat "$dir/store")[4], "the store's owner has it");
refuses("the name is taken", 1, qr{taken\.new: File exists}, "backup",
        "$dir/taken");
ok(!-e "$dir/taken", "nothing is made");
is(ctl({ store => "$dir/anew" }, "restore", @user, "$dir/again")->{code}, 0,
   "restore, after a kill");
ok(!-e "$dir/again.new" && !-e "$dir/anew.new", "nothing else is left");

# a new store of it, with which nginx goes on
my $end = last_lsn();
my $new = { store => "$dir/new" };

$r = ctl($new, "restore", @user, "$dir/last");
is($r->{code}, 0, "restore") or diag($r->{err});
is($r->{out}, "The store in $dir/new ends with record $end.\n",
   "what it says");
is_deeply([glob "$dir/new/*"], ["$dir/new/data.mdb"], "one file");
is(verifies("restored", $new)->{last}, $end, "all of it");

# its records may get numbers that others of the first one have
my ($node, $other) = map { $_->{json}{node} } ctl("status", "--json"),
                                              ctl($new, "status", "--json");

like($node, qr/\A[0-9a-f]{16}\z/, "the node of the first");
like($other, qr/\A[0-9a-f]{16}\z/, "the node of the second");
isnt($node, $other, "another one");

refuses("not over a store", 1, qr/not an empty directory/, $new, "restore",
        @user, "$dir/last");
refuses("not of a running one", 1, qr/has the store open/,
        { store => "$dir/other" }, "restore", @user, "$dir/store");
ok(!-e "$dir/other", "nothing was made");

ok(moved_to("$dir/new"), "nginx has it");
asks(3, "restored");
is(last_lsn(), $end + 3, "it goes on behind the last record");
verifies("restored and used", $new);



=== TEST 2: a backup that is damaged is not restored
--- steps
key();
play();
asks(30, "before");

my $dir = state_dir();
my $new = { store => "$dir/new" };

is(ctl("backup", "$dir/backup")->{code}, 0, "backup");

my $data = "$dir/backup/data.mdb";
my $text = text_of($data);

# the list of free pages (meta page: root of its tree, transaction; a leaf:
# its first node) is a page short, which only the next writer would meet
my $number = sub { unpack $_[1], substr($text, $_[0], $_[1] eq "S<" ? 2 : 8) };
my ($meta) = sort { $number->($b + 144, "Q<") <=> $number->($a + 144, "Q<") }
             0, 4096;
my $leaf = 4096 * $number->($meta + 80, "Q<");
my $list = $leaf + $number->($leaf + 16, "S<") + 16;

is($number->($leaf + 10, "S<"), 2, "the list is one leaf");
is(system("cp", "-a", "$dir/backup", "$dir/lost"), 0, "a copy");
is(ctl({ store => "$dir/lost" }, "verify")->{code}, 0, "as it is");

open my $lost, "+<:raw", "$dir/lost/data.mdb" or die;
seek $lost, $list, 0;
print $lost pack "Q<", $number->($list, "Q<") - 1;
close $lost;

my $page = ctl({ store => "$dir/lost" }, "verify");
is($page->{code}, 3, "a page is lost");
like($page->{err}, qr/ damaged: page \d+ is neither used nor free$/m, "which");
isnt(ctl($new, "restore", @user, "$dir/lost")->{code}, 0, "not restored");

# a byte of a record, wherever a version of it stands
my ($id) = map { pack "H*", $_->{requestId} } ledger();
my @places;

for (my $i = index($text, $id); $i >= 0; $i = index($text, $id, $i + 1)) {
    push @places, $i;
}

ok(scalar @places, "the record is in the file");
flip($data, $_ + 60) for @places;

my $r = ctl($new, "restore", @user, "$dir/backup");
is($r->{code}, 1, "not restored");
like($r->{err}, qr/\Aai-apictl: crc: record 1: CRC-32C: should be /, "why");
ok(!-e "$dir/new", "nothing was made");

$r = ctl($new, "restore", @user, "--force", "$dir/backup");
is($r->{code}, 0, "--force") or diag($r->{err});
is(ctl($new, "verify")->{code}, 1, "verify says so again");

my $json = ctl($new, "verify", "--json");
is($json->{json}{differences}[0]{kind}, "crc", "--json: kind");
is($json->{json}{differences}[0]{lsn}, 1, "--json: record");
ok(!$json->{json}{ok}, "--json: not ok");

# all pages but those that say what is where
open my $f, "+<:raw", $data or die;
seek $f, 2 * 4096, 0;
print $f "\xff" x ((-s $data) - 2 * 4096);
close $f;

$r = ctl({ store => "$dir/third" }, "restore", @user, "--force",
         "$dir/backup");
isnt($r->{code}, 0, "a damaged file, even with --force");
ok(!-e "$dir/third", "nothing was made");

open $f, ">", $data or die;
print $f "x" x 10000;
close $f;
isnt(ctl({ store => "$dir/third" }, "restore", @user, "$dir/backup")->{code},
     0, "no store at all");
ok(!-e "$dir/third", "nothing was made");



=== TEST 3: ledger export
--- steps
away_from_end_of("day");
key();
play();
asks(5, "before");
is(ctl("user", "credit", "-k", "one", "alice", "12.5")->{code}, 0, "credit");

my @wanted = ledger();
my $r = ctl("ledger", "export");

is($r->{code}, 0, "export") or diag($r->{err});
is_deeply([map { JSON::PP->new->utf8->decode($_) } split /\n/, $r->{out}],
          \@wanted, "the same objects as the API's");
is(ctl("ledger", "export", "--format", "ndjson")->{out}, $r->{out},
   "the same again");

my $csv = ctl("ledger", "export", "--format", "csv", "--from", 2, "--to", 4);
my ($head, @rows) = split /\r\n/, $csv->{out};
my @names = split /,/, $head;

is(scalar @rows, 3, "csv: rows");

for my $i (0 .. 2) {
    my $object = $wanted[$i + 1];
    my @text = map { my $v = $object->{$_};
                     !defined $v ? "" : JSON::PP::is_bool($v)
                         ? $v ? "true" : "false" : $v } @names;

    is($rows[$i], join(",", @text), "csv: record " . ($i + 2));
}

is_deeply([sort @names], [sort keys %{ $wanted[0] }], "csv: all members");

# a name that a spreadsheet would run; an amount below 0 stays a number
my $name = '=HYPERLINK("x",A1)';
is(ctl("key", "create", "-u", $name, "x")->{code}, 0, "another user");
is(ctl("user", "credit", "-k", "two", "--", $name,
       "-2.5")->{code}, 0, "credit");

my $last = ctl("ledger", "export", "--from", 7)->{json};
is($last->{user}, $name, "ndjson: the name");

$csv = ctl("ledger", "export", "--format", "csv", "--from", 7);
($head, @rows) = split /\r\n/, $csv->{out};
like($rows[0], qr/\A7,credit,[^"]*,"'=HYPERLINK\(""x"",A1\)",/,
     "csv: no formula");
like($rows[0], qr/,-2\.5,-2500000000,/, "csv: a number below 0");

my ($day) = $wanted[0]{admittedAt} =~ /^(.{10})/;
is(ctl("ledger", "export", "--day", $day)->{out},
   ctl("ledger", "export")->{out}, "--day");
is(ctl("ledger", "export", "--day", "2001-01-01")->{out}, "", "another day");
is(ctl("ledger", "export", "--from", 100)->{out}, "", "behind the end");

for my $wrong (["--format", "xml"], ["--day", "today"], ["--from", "0"],
               ["--from", "x"], ["--to", "-1"], ["--day", "2026-13-01"])
{
    refuses("@$wrong", 2, qr/\Q$wrong->[0] $wrong->[1]\E/, "ledger", "export",
            @$wrong);
}

is(ctl({ out => "/dev/full" }, "ledger", "export")->{code}, 1, "disk full");



=== TEST 4: retention
--- steps
my $dir = state_dir();
my $archive = "$dir/archive";
my $secret = "$dir/archive.key";

open my $out, ">", $secret or die;
print $out "k" x 32, "\n";
close $out;

away_from_end_of("day");
key();
play();

# in the first hour of a day yesterday is not over
my $late = (gmtime)[2] == 0 ? 1 : 0;

for my $days (-3 - $late, -2 - $late, 0) {
    faults("clock offset " . $days * 86400);
    asks(4, "$days days");
}

faults();

# what folds needs a moment without work
wait_for(sub { ctl("verify", "--json")->{json}{folded} == 12 });

my @wanted = ledger();
my $usage = api("GET", "/api/ai-service/usage", undef, key())->{json};
my @export = split /\n/, ctl("ledger", "export")->{out};

refuses("no --keep", 2, qr/--keep/, "retention", "-a", $archive);
refuses("no --archive", 2, qr/--archive/, "retention", "--keep", 1);
is(ctl("retention", "--keep", 5, "-a", $archive)->{out},
   "Nothing is that old.\n", "nothing to do");

my $r = ctl("retention", "--keep", 2, "-a", $archive, "-k", $secret,
            "--json");

is($r->{code}, 0, "retention") or diag($r->{err});
is($r->{json}{moved}, 4, "a day");
is($r->{json}{floor}, 4, "to here");

my ($file) = map { $_->{file} } @{ $r->{json}{files} };
my $text = text_of("$archive/$file");

like($file, qr/\Aledger-\d{8}-1-4\.ndjson\z/, "its name");
is(text_of("$archive/$file.sha256"), sha256_hex($text) . "  $file\n",
   "its sum");
is(text_of("$archive/$file.hmac"),
   hmac_sha256_hex($text, "k" x 32) . "  $file\n", "its signature");
is_deeply([map { JSON::PP->new->utf8->decode($_)->{charge} }
           split /\n/, $text], [@wanted[0 .. 3]], "its records");

$r = ctl("retention", "--keep", 0, "-a", $archive, "-k", $secret);
is($r->{code}, 0, "the next one") or diag($r->{err});
like($r->{out}, qr/\Aledger-\d{8}-5-8\.ndjson  4 records\n\z/,
     "never today's");

is_deeply([ledger()], [@wanted[8 .. 11]], "what is left");
is_deeply([split /\n/, ctl("ledger", "export")->{out}], [@export[8 .. 11]],
          "export");
is_deeply(api("GET", "/api/ai-service/usage", undef, key())->{json}, $usage,
          "usage is what it was");

verifies("moved");
is(verifies("with the archive", "-a", $archive, "-k", $secret)->{records}, 12,
   "all records");

asks(2, "afterwards");
verifies("goes on", "-a", $archive);

# each of these is found
flip("$archive/$file", 30);
refuses("a changed file", 1, qr/\.sha256: it is of another file/, "verify",
        "-a", $archive);
flip("$archive/$file", 30);

open $out, ">", $secret or die;
print $out "x" x 32, "\n";
close $out;
refuses("another key", 1, qr/\.hmac: it is of another/, "verify", "-a",
        $archive, "-k", $secret);

rename "$archive/$file", "$archive/gone" or die;
refuses("a missing file", 1, qr/record 1 is missing/, "verify", "-a",
        $archive);
rename "$archive/gone", "$archive/$file" or die;
verifies("as it was", "-a", $archive);

# a forged line with a new sum
my $forged = $text;
$forged =~ s/(\{"raw":"..........)(.)/$1 . ($2 eq "0" ? "1" : "0")/e;
open $out, ">", "$archive/$file" or die;
print $out $forged;
close $out;
open $out, ">", "$archive/$file.sha256" or die;
print $out sha256_hex($forged), "  $file\n";
close $out;

$r = ctl("verify", "-a", $archive);
is($r->{code}, 1, "a forged record");
like($r->{err}, qr/^ai-apictl: chain: .*SHA-256/m, "the chain says so");



=== TEST 5: compact: not while nginx runs
--- steps
my $dir = state_dir();

key();
play();
asks(50, "before");

my $end = last_lsn();

refuses("running", 1, qr/has the store open/, "compact");
is(ctl("backup", "$dir/backup")->{code}, 0, "backup");

my $new = { store => "$dir/new" };
is(ctl($new, "restore", @user, "$dir/backup")->{code}, 0, "restore");

my $r = ctl($new, "compact");
is($r->{code}, 0, "compact") or diag($r->{err});
like($r->{out}, qr/The old file is \S+data\.mdb\.\d{4}-\d\d-\d\dT[\d-]+\.\n/,
     "what it says");

my @files = glob "$dir/new/*";
my ($old) = grep { /data\.mdb\.2/ } @files;

cmp_ok(-s "$dir/new/data.mdb", "<", -s $old, "it is smaller");
is_deeply([map { s{.*/}{}r } @files],
          ["data.mdb", $old =~ s{.*/}{}r, "lock.mdb"], "nothing else is left");

verifies("compacted", $new);
ok(moved_to("$dir/new"), "nginx has it");
asks(2, "compacted");
is(last_lsn(), $end + 2, "it goes on");
refuses("running again", 1, qr/has the store open/, $new, "compact");



=== TEST 6: retention: lines of the audit, answers to credits
--- steps
my $dir = state_dir();
my $archive = "$dir/archive";
my $secret = "$dir/archive.key";

open my $out, ">", $secret or die;
print $out "k" x 32, "\n";
close $out;

away_from_end_of("day");
play();

# in the first hour of a day yesterday is not over
my $late = (gmtime)[2] == 0 ? 1 : 0;
my %answer;

for my $days (-12 - $late, -4 - $late, 0) {
    faults("clock offset " . $days * 86400);
    key();
    asks(1, "$days days");

    my $r = credit_of($days);
    is($r->{status}, 200, "$days days: credit") or diag($r->{body});
    $answer{$days} = $r->{body};
    is(limit_of(100000 - $_), 200, "$days days: limit") for 1 .. 3;
}

faults();
wait_for(sub { ctl("verify", "--json")->{json}{folded} == 6 });

my @wanted = audit_lines();
my @old = grep { $_->{action} eq "user.credit" } @wanted;
my $moved = $old[1]{seq} + 3;
my $balance = ctl("user", "show", "alice", "--json")->{json}{balance};

is(scalar @old, 3, "three credits");
is_deeply([map { $_->{seq} } @wanted], [1 .. @wanted], "no gap");

my @retention = ("retention", "--keep", 2, "-a", $archive, "-k", $secret);
my $r = ctl(@retention, "--json");

is($r->{code}, 0, "retention") or diag($r->{err});
is($r->{json}{moved}, 4, "records");
is($r->{json}{auditMoved}, $moved, "lines");
is($r->{json}{answersEnded}, 1, "answers that have ended");
is(ctl(@retention)->{out}, "Nothing is that old.\n", "all of it");

my @files = map { s{.*/}{}r } glob "$archive/audit-*.ndjson";

is(scalar @files, 2, "two days");
like($files[0], qr/\Aaudit-\d{8}-1-(\d+)\.ndjson\z/, "a name");

for my $file (@files) {
    my $text = text_of("$archive/$file");

    is(text_of("$archive/$file.sha256"), sha256_hex($text) . "  $file\n",
       "its sum");
    is(text_of("$archive/$file.hmac"),
       hmac_sha256_hex($text, "k" x 32) . "  $file\n", "its signature");
}

is_deeply([archived_lines($archive)], [@wanted[0 .. $moved - 1]], "lines");
is_deeply([audit_lines()], [@wanted[$moved .. $#wanted]], "what is left");
verifies("moved");
verifies("with the archive", "-a", $archive, "-k", $secret);

# four days are not enough to end an answer, though its record is in the
# archive; and what has ended is not done again
my ($twelve, $four, $today) = (-12 - $late, -4 - $late, 0);

is(credit_of($four)->{body}, $answer{$four}, "four days: the same answer");
is(credit_of($today)->{body}, $answer{$today}, "today: the same answer");

for my $again ("twelve days", "twelve days, once more") {
    my $r = credit_of($twelve);

    is($r->{status}, 409, $again);
    like($r->{body}, qr/made before: record \d+, in the archive/, $again);
}

refuses("twelve days, by the command", 1, qr/was made before: record/,
        "user", "credit", "-k", $twelve, "alice", 5);
refuses("another amount", 1, qr/idempotency key was used for another credit/,
        "user", "credit", "-k", $twelve, "alice", 6);

is(ctl("user", "show", "alice", "--json")->{json}{balance}, $balance,
   "no money");
is(scalar ledger(), 2, "no record");
is(ctl(@retention, "--json")->{json}{answersEnded}, 0, "nothing is left");

is(credit_of("new")->{status}, 200, "a new credit");
is(scalar ledger(), 3, "with a record");

my ($line) = (audit_lines())[-1];
is($line->{seq}, @wanted + 1, "numbers of lines go on");

wait_for(sub { ctl("verify", "--json")->{json}{folded} == 7 });
verifies("goes on");
verifies("goes on, with the archive", "-a", $archive, "-k", $secret);

# each of these is found
my $path = "$archive/$files[1]";

flip($path, 30);
refuses("a changed file", 1, qr/\.sha256: it is of another file/, "verify",
        "-a", $archive);
flip($path, 30);
rename $path, "$archive/gone" or die;
refuses("a missing file", 1, qr/line \d+ of the audit is missing/, "verify",
        "-a", $archive);



=== TEST 7: retention of the audit, killed again and again
--- steps
away_from_end_of("day");

my $archive = state_dir() . "/archive";
my $late = (gmtime)[2] == 0 ? 1 : 0;

for my $days (map { -$_ - $late } reverse 2 .. 9) {
    faults("clock offset " . $days * 86400);
    key();
    is(scalar(grep { limit_of(100000 + $days * 100 + $_) == 200 } 1 .. 10),
       10, "$days days: lines");
}

faults();
is(limit_of(1), 200, "today: a line");

my @wanted = audit_lines();
my @retention = ("retention", "--keep", 1, "-a", $archive);

for my $n (1 .. 30) {
    my $code = killed_after($n * 0.001, @retention);

    my %seen = map { $_->{seq} => $_ } archived_lines($archive), audit_lines();

    is_deeply([map { $seen{$_} } sort { $a <=> $b } keys %seen], \@wanted,
              "all lines after a kill");

    if (defined $code) {
        is($code, 0, "it has ended");
        last;
    }
}

my $r = ctl(@retention);

is($r->{code}, 0, "the rest") or diag($r->{err});
is_deeply([archived_lines($archive), audit_lines()], \@wanted,
          "each line once");
is(scalar audit_lines(), 1, "the last one is left");
verifies("with the archive", "-a", $archive);



=== TEST 8: retention deletes nothing that could be needed again
--- steps
my $dir = state_dir();
my $archive = "$dir/archive";
my $late = (gmtime)[2] == 0 ? 1 : 0;
my $new = { store => "$dir/new" };

away_from_end_of("day");
key();
play();

for my $days (-3 - $late, 0) {
    faults("clock offset " . $days * 86400);
    asks(4, "$days days");
}

faults();
wait_for(sub { ctl("verify", "--json")->{json}{folded} == 8 });
is(ctl("backup", "$dir/backup")->{code}, 0, "backup");
is(ctl($new, "restore", @user, "$dir/backup")->{code}, 0, "restore");

my @retention = ("retention", "--keep", 2, "-a", $archive);

# the file of one whose charges wait: they may be in the ledger already, and
# only their ids tell
faults("fdatasync hang");

my $c = client();

$c->send_request("POST", "/api/ai-service/chat",
                 json({ model => "llama3", messages => [{ role => "user", content => "x" }] }),
                 "X-API-Key" => key());
ollama()->wait_for(ended => 1);
faulted();
system("cp", "-p", "$dir/store/inflight.tab", "$dir/new/inflight.tab") == 0 or die "cp\n";
faults();
is($c->read_answer->{status}, 200, "the one that waited");

my $r = ctl($new, @retention);

is($r->{code}, 1, "charges wait");
is($r->{err}, "ai-apictl: 1 charges wait in the in-flight file: start nginx first\n", "why");
is(scalar(my @none = glob "$archive/*"), 0, "nothing was written");
is(verifies("nothing was deleted", $new)->{records}, 8, "all records");
unlink "$dir/new/inflight.tab" or die;

# a file of an earlier try that is not what the ledger has: another digit, the
# same length, and a sum that is right
is(ctl(@retention)->{code}, 0, "the other store has moved them");

my ($file) = glob "$archive/*.ndjson";
my $text = text_of($file);
my ($name) = $file =~ m{([^/]+)\z};

for my $at (20, length($text) / 2) {
    my $other = $text;

    $other =~ s/^(.{$at}.*?"raw":"..........)(.)/$1 . ($2 eq "0" ? "1" : "0")/es
        or die "no record\n";

    put_text($file, $other);
    put_text("$file.sha256", sha256_hex($other) . "  $name\n");
    refuses("another record", 1, qr/is not that of the ledger: nothing was deleted/, $new,
            @retention);
    is(verifies("nothing was deleted", $new)->{records}, 8, "all records");
}

put_text($file, $text);
put_text("$file.sha256", sha256_hex($text) . "  $name\n");
is(ctl($new, @retention, "--json")->{json}{moved}, 4, "that of the ledger");
verifies("moved", $new, "-a", $archive);



=== TEST 9: two retentions at the same time: one behind the other
--- steps
my $dir = state_dir();
my $archive = "$dir/archive";
my $late = (gmtime)[2] == 0 ? 1 : 0;

away_from_end_of("day");
key();
play();

for my $days (-3 - $late, 0) {
    faults("clock offset " . $days * 86400);
    asks(2, "$days days");
}

faults();
wait_for(sub { ctl("verify", "--json")->{json}{folded} == 4 });

# one that does not go on
open my $store, "<", "$dir/store" or die "$!\n";
flock $store, LOCK_EX or die "$!\n";

my $inode = (stat "$dir/store")[1];
my $pid = fork;
die "fork: $!\n" if !defined $pid;

if ($pid == 0) {
    POSIX::_exit(ctl("retention", "--keep", 2, "-a", $archive)->{code} eq "0" ? 0 : 1);
}

ok(wait_for(sub { text_of("/proc/locks") =~ /-> FLOCK .*:$inode / }), "it waits");
is(scalar(my @none = glob "$archive/ledger-*"), 0, "nothing is written");
flock $store, LOCK_UN;
waitpid $pid, 0;
is($?, 0, "then it has its turn");
is(scalar(my @files = glob "$archive/ledger-*.ndjson"), 1, "a file");
verifies("with the archive", "-a", $archive);
