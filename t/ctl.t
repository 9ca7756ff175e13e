# The operator's command on a store of its own, and on a running one.

use lib 't/lib';
use AiApi;
use AiApi::Ctl;
use Test::Nginx::Socket 'no_plan';

use vars qw($root @ollama);

$root = $> == 0;
@ollama = ({ path => "/api/chat", play => "0.11.4/chat-json", times => 100 });


sub status_of {
    my ($secret) = @_;

    return request("GET", "/api/ai-service/usage", undef,
                   "X-API-Key" => $secret)->{status};
}


sub chat_with {
    my ($secret) = @_;

    return request("POST", "/api/ai-service/chat",
                   json({ model => "llama3",
                          messages => [{ role => "user", content => "x" }] }),
                   "X-API-Key" => $secret);
}


sub modes {
    my ($dir) = @_;

    return map { sprintf("%04o", (stat $_)[2] & 07777) }
        $dir, "$dir/data.mdb", "$dir/lock.mdb";
}


sub owners {
    my ($dir) = @_;

    return map { scalar getpwuid((stat $_)[4]) } glob("$dir $dir/*");
}


sub me {
    return scalar getpwuid($>);
}


run_tests();

__DATA__

=== TEST 1: init
--- steps
my $dir = state_dir() . "/new";
my @user = $root ? ("--user", "nobody") : ();
my $r = ctl({ store => $dir }, "init", @user);

is($r->{code}, 0, "made") or diag($r->{err});
is($r->{out}, "A new store is in $dir.\n", "what it says");
is_deeply([modes($dir)], ["0700", "0600", "0600"], "modes");
is_deeply([owners($dir)], [($root ? "nobody" : me()) x 3], "owners");

refuses("again", 1, qr/already/, { store => $dir }, "init", @user);

is(ctl({ store => $dir }, "user", "list")->{code}, 0, "it can be used");
is_deeply(ctl({ store => $dir }, "key", "list", "--json")->{json},
          { keys => [], next => undef }, "and is empty");

my $small = ctl({ store => "$dir.small" }, "init", "-m", "16m", "--json",
                @user);

is($small->{json}{store}, "$dir.small", "--json") or diag($small->{out});

for my $size ("0", "1", "12q", "-1m", "1 m", "m", "", "99999999999999999999g")
{
    refuses("map size '$size'", 2, qr/--map-size/, { store => "$dir.not" },
            "init", "--map-size=$size", @user);
}

ok(!-e "$dir.not", "nothing was made");



=== TEST 2: a store of an older version
--- steps
my $dir = state_dir() . "/old";
my @user = $root ? ("--user", "nobody") : ();
my $schema = ctl("version", "--json")->{json}{schema};

ctl({ store => $dir }, "init", @user);
ctl({ store => $dir }, "key", "create", "-u", "alice", "x");

open my $file, "+<:raw", "$dir/data.mdb" or die;
my $bytes = do { local $/; <$file> };

$bytes =~ s/(schema)\x02\x00{7}/$1\x01\0\0\0\0\0\0\0/g or die;
seek $file, 0, 0;
print $file $bytes;
close $file;

refuses("it", 3, qr/has schema 1.*"ai-apictl init"/, { store => $dir },
        "key", "list");

my $r = ctl({ store => $dir }, "init");

is($r->{code}, 0, "init") or diag($r->{err});
is($r->{out}, "The store in $dir has schema $schema now.\n", "what it says");
is(scalar @{ ctl({ store => $dir }, "key", "list", "--json")->{json}{keys} },
   1, "the key is there");
is_deeply([owners($dir)], [($root ? "nobody" : me()) x 3], "owners");
refuses("again", 1, qr/already/, { store => $dir }, "init");



=== TEST 3: whose store
--- steps
my $dir = state_dir() . "/new";

refuses("a user who is not there", 2, qr/no user nobody-at-all/,
        { store => $dir }, "init", "-u", "nobody-at-all");

if ($root) {
    refuses("root without --user", 2, qr/--user/, { store => $dir }, "init");
    refuses("another's", 2, qr/only root/, { store => $dir, as => "nobody" },
            "init", "-u", "daemon");
    ok(!-e $dir, "nothing was made");

    refuses("in a directory of root's", 3, qr/Permission denied/,
            { store => $dir, as => "nobody" }, "init");

    mkdir $dir, 0700 or die;
    chown((getpwnam("nobody"))[2, 3], $dir);

    is(ctl({ store => $dir }, "init")->{code}, 0,
       "whose the directory is needs no --user");
    is_deeply([owners($dir)], [("nobody") x 3], "owners");

    # nobody's link, which root would follow

    my $target = state_dir() . "/target";

    mkdir "$dir.link", 0700 or die;
    symlink $target, "$dir.link/lock.mdb" or die;
    chown((getpwnam("nobody"))[2, 3], "$dir.link");
    chmod 0755, state_dir();

    isnt(ctl({ store => "$dir.link" }, "init")->{code}, 0, "a trap");
    ok(!-e $target, "nothing was made there");
}



=== TEST 4: wrong use: exit code 2
--- steps
my $id = "key_" . "0" x 22;

my @wrong = (
    ["no such command", qr/no such command/, "nonsense"],
    ["half a command", qr/is missing/, "key"],
    ["half a command", qr/frobnicate/, "key", "frobnicate"],
    ["no argument", qr/argument missing/, "key", "show"],
    ["an argument too many", qr/too many/, "key", "show", $id, $id],
    ["an argument too many", qr/too many/, "stats", "x"],
    ["no such option", qr/--colour/, "stats", "--colour"],
    ["no such option", qr/-Z/, "-Z", "stats"],
    ["half an option", qr/--tokens: no such option/, "key", "limits", $id, "--tokens", "7"],
    ["half an option", qr/--cost=7: no such option/, "key", "limits", $id, "--cost=7"],
    ["half an option", qr/--js: no such option/, "stats", "--js"],
    ["half an option", qr/--sto: no such option/, "--sto", "/", "stats"],
    ["an option's argument missing", qr/--user/, "key", "list", "--user"],
    ["an argument for --json", qr/--json=x/, "stats", "--json=x"],
    ["an option twice", qr/twice/, "key", "list", "-u", "a", "-u", "b"],
    ["no user", qr/--user/, "key", "create", "x"],
    ["a user that is none", qr/a user has/, "key", "create", "x", "-u", "a/b"],
    ["a user that is none", qr/a user has/, "user", "show", "../admin"],
    ["a user that is none", qr/a user has/, "user", "show", ""],
    ["a user that is none", qr/a user has/, "usage", "a" x 129],
    ["an id that is none", qr/a key's id/, "key", "show", "aik_x"],
    ["an id that is none", qr/a key's id/, "key", "delete", "$id/rotate"],
    ["a limit that is none", qr/--usage-limit -1/, "key", "limits", $id,
     "--usage-limit", "-1"],
    ["a limit that is none", qr/--max-parallel 1\.5/, "user", "limits", "x",
     "--max-parallel", "1.5"],
    ["a limit that is none", qr/--day-tokens 9{20}/, "key", "limits", $id,
     "--day-tokens", "9" x 20],
    ["a limit that is none", qr/--usage-limit 1,"x":1/, "key", "limits", $id,
     "--usage-limit", '1,"x":1'],
    ["a name that is no text", qr/not UTF-8/, "key", "create", "-u", "a",
     "\xff"],
    ["arguments without end", qr/too long/, "key", "list", "-u", "x" x 2000],
    ["an empty element", qr/--models/, "key", "create", "x", "-u", "a",
     "--models", "a,,b"],
    ["a grace that is none", qr/--grace/, "key", "rotate", $id, "-g", "x"],
    ["a token for nobody", qr/--sub/, "jwt", "issue"],
    ["help for nothing", qr/no such command/, "help", "nonsense"],
    ["help for nothing", qr/no such command/, "help", "stats", "x"],
);

refuses("$_->[0]: @{$_}[2 .. $#$_]", 2, $_->[1], @{$_}[2 .. $#$_])
    for @wrong;

refuses("no store", 2, qr/which store/, { store => "" }, "stats");

my $r = ctl();

is($r->{code}, 2, "nothing at all: exit code");
is($r->{out}, "", "no answer");
like($r->{err}, qr/\Ausage: ai-apictl /, "but how to use it");



=== TEST 5: help
--- steps
my $all = ctl("help");
my @commands = $all->{out} =~ /^  ([a-z]+(?: [a-z]+)?)/mg;

is($all->{code}, 0, "help");
is(ctl("--help")->{out}, $all->{out}, "--help");
is(ctl("-h")->{out}, $all->{out}, "-h");
cmp_ok(scalar @commands, ">", 20, "commands are listed");

for my $command (@commands) {
    my @words = split " ", $command;
    my $r = ctl(@words, "--help");

    is($r->{code}, 0, "$command --help");
    like($r->{out}, qr/\Ausage: ai-apictl $command\b/, "and its usage");
    is(ctl("help", @words)->{out}, $r->{out}, "the same by help");
    is(scalar(grep { /.{101}/ } split /\n/, $r->{out}), 0, "lines fit");
}

open my $page, "<", "docs/ai-apictl.8" or die;
my $man = do { local $/; <$page> };

is(join(", ", grep { $man !~ /^\.It Ic $_\b/m } grep { !/^(?:help|version)$/ }
        @commands), "", "all are in the manual");

like(ctl("version")->{out}, qr/\Aai-apictl .* schema \d+\n\z/, "version");
like(ctl({ store => "" }, "version", "--json")->{json}{schema}, qr/^\d+$/,
     "version --json");



=== TEST 6: a key made by the command works at once
--- upstream
@ollama
--- steps
my $r = ctl("key", "create", "-u", "alice", "My key");
my $secret = secret_of($r);
my ($id) = $r->{out} =~ /^id +(\S+)$/m;

is($r->{code}, 0, "made") or diag($r->{err});
like($r->{out}, qr/^user +alice$/m, "whose it is");
is(() = $r->{out} =~ /\Q$secret\E/g, 1, "the secret, once");
is(status_of($secret), 200, "it works at once");

my $seen = api("GET", "/api/ai-api/keys", undef, jwt("alice"))->{json}{keys};

is_deeply([map { $_->{id} } @$seen], [$id], "its owner sees it");

is(ctl("key", "disable", $id)->{out}, "$id is disabled.\n", "disable");
is(status_of($secret), 401, "it is refused at once");
refused(api("PATCH", "/api/ai-api/keys/$id",
            { isActive => JSON::PP::true }, jwt("alice")),
        403, "ADMIN_REQUIRED", "the owner cannot undo it");
like(ctl("key", "show", $id)->{out}, qr/^state +disabled by admin$/m,
     "shown so");

is(ctl("key", "enable", $id)->{out}, "$id is enabled.\n", "enable");
is(status_of($secret), 200, "it works again");
is(chat_with($secret)->{status}, 200, "a request");
like(ctl("key", "show", $id)->{out},
     qr/^requests +1\ntokens +\d+\ncost +0\.\d+ CNY$/m, "is counted");

is(ctl("key", "delete", $id)->{out}, "$id is deleted.\n", "delete");
is(status_of($secret), 401, "it is refused");
refuses("delete again", 1, qr/no such key/, "key", "delete", $id);
refuses("show it", 1, qr/no such key/, "key", "show", $id);



=== TEST 7: rotation
--- steps
my $r = ctl("key", "create", "-u", "alice", "x");
my ($id) = $r->{out} =~ /^id +(\S+)$/m;
my @secrets = secret_of($r);

push @secrets, secret_of(ctl("key", "rotate", $id));
is_deeply([map { status_of($_) } @secrets], [401, 200], "the old one ends");

push @secrets, secret_of(ctl("key", "rotate", $id, "--grace", "1h"));
is_deeply([map { status_of($_) } @secrets], [401, 200, 200], "with a grace");

is(ctl("user", "disable", "alice")->{code}, 0, "of a blocked user");
push @secrets, secret_of(ctl("key", "rotate", $id));
is_deeply([map { status_of($_) } @secrets], [(401) x 4], "all are refused");

is(ctl("user", "enable", "alice")->{code}, 0, "no longer blocked");
is_deeply([map { status_of($_) } @secrets], [401, 401, 401, 200],
          "the last one works");



=== TEST 8: limits
--- upstream
@ollama
--- steps
my $r = ctl("key", "create", "-u", "alice", "x", "--json", "--usage-limit", 900,
            "--request-limit", "none", "--cost-limit", "1.5", "--day-cost",
            "0.25", "--month-tokens", 7000, "--max-parallel", 2, "--models",
            "llama3,mistral*", "--allowed-ips", "127.0.0.1,10.0.0.0/8",
            "--expires", "2h");
my $k = $r->{json};

is_deeply([@$k{qw(usageLimit requestLimit costLimit)}], [900, undef, "1.5"],
          "of a life");
is_deeply($k->{limits}, {
    day => { tokens => undef, requests => undef, cost => "0.25" },
    month => { tokens => 7000, requests => undef, cost => undef } },
    "of day and month");
is_deeply($k->{rateLimits}, { requestsPerMinute => undef,
    tokensPerMinute => undef, maxParallel => 2 }, "rates");
is_deeply($k->{models}, ["llama3", "mistral*"], "models");
is_deeply($k->{allowedIps}, ["127.0.0.1", "10.0.0.0/8"], "addresses");
like($k->{expiresAt}, qr/^20\d\d-\d\d-\d\dT/, "expires");

$r = ctl("key", "limits", $k->{id}, "--request-limit", 1);

is($r->{code}, 0, "an administrator's limit");
like($r->{out}, qr/^requests +- +1$/m, "beside the owner's");
like($r->{out}, qr/^money a day +0\.25 +-$/m, "which stay");
is(chat_with($k->{key})->{status}, 200, "the first request");
refused(chat_with($k->{key}), 429, "RATE_LIMIT_EXCEEDED", "not the second one");

unlike(ctl("key", "limits", $k->{id}, "--request-limit", "none")->{out},
       qr/^requests +\S+ +1$/m, "taken away");
is(chat_with($k->{key})->{status}, 200, "one more request");

$r = ctl("user", "limits", "alice", "--cost-limit", "0");

like($r->{out}, qr/^money +0$/m, "a user's limit");
refused(chat_with($k->{key}), 429, "RATE_LIMIT_EXCEEDED", "refused");

my $same = ctl("user", "limits", "alice");

is($same->{code}, 0, "nothing to change");
is($same->{out}, $r->{out}, "nothing changed");

refuses("money that is none", 1, qr/"costLimit"/, "user", "limits", "alice",
        "--cost-limit", "-1");
refuses("a time that is past", 1, qr/"expiresAt"/, "key", "create", "x",
        "-u", "alice", "--expires", "2020-01-01");
refuses("an address that is none", 1, qr/"allowedIps"/, "key", "create",
        "x", "-u", "alice", "--allowed-ips", "nowhere");



=== TEST 9: lists of any length
--- http_config
ai_api_max_keys_per_user 1000;
--- steps
for my $i (1 .. 507) {
    create_key(name => "key $i", user => $i % 5 ? "alice" : "bob");
}

my $keys = ctl("key", "list", "--json")->{json}{keys};

is_deeply([map { $_->{name} } @$keys], [map { "key $_" } 1 .. 507],
          "each once, in order");

my @lines = split /\n/, ctl("key", "list")->{out};

is(scalar @lines, 508, "a line each and a heading");
like($lines[0], qr/^ID +NAME +USER +STATE +REQUESTS +TOKENS +COST \(CNY\)/,
     "the heading");
is(scalar(grep { / bob / } split /\n/, ctl("key", "list", "-u", "bob")->{out}),
   101, "of one user");
refuses("of nobody", 1, qr/no such user/, "key", "list", "-u", "carol");
is_deeply([map { $_->{user} }
           @{ ctl("user", "list", "--json")->{json}{users} }],
          ["alice", "bob"], "users");



=== TEST 10: usage and statistics are those of the API
--- upstream
@ollama
--- steps
away_from_end_of("hour");
chat_with(key()) for 1 .. 3;

my $mine = api("GET", "/api/ai-api/usage", undef, jwt("alice"))->{json};
my $all = api("GET", "/api/ai-api/admin/stats", undef, admin_jwt())->{json};

is($mine->{total}{requests}, 3, "three requests");
is_deeply(ctl("usage", "alice", "--json")->{json}, $mine, "usage");

my $stats = ctl("--json", "stats")->{json};

is_deeply([sort keys %$stats], [sort keys %$all], "members of stats");
is_deeply([@$stats{qw(total byModel byKey byDay topUsers byStatus)}],
          [@$all{qw(total byModel byKey byDay topUsers byStatus)}], "stats");

my $shown = ctl("usage", "alice", "-g", "hour,model")->{out};

like($shown, qr/^requests +3$/m, "requests");
like($shown, qr/^cost +\Q$mine->{total}{cost}\E CNY$/m, "cost");
like($shown, qr/^By hour:\n\nHOUR +REQ.*\n\S+ +3 /m, "by hour");
like($shown, qr/^By model:\n\nMODEL +FAMILY .*\n\S+ +Llama3 +3 /m, "by model");
unlike($shown, qr/By key/, "as asked for");

like(ctl("stats", "--currency", "EUR")->{out}, qr/^cost +0\.\d+ EUR$/m,
     "a currency");
is(ctl("usage", "alice", "--from", "1h", "--json")->{json}{total}{requests},
   3, "from an hour ago");
is(ctl("usage", "alice", "--to", "2020-01-01", "--json")
       ->{json}{total}{requests}, 0, "to a day long ago");
refuses("a group that is none", 1, qr/groupBy/, "usage", "alice", "-g", "x");
refuses("nobody", 1, qr/no such user/, "usage", "carol");
refuses("nobody", 1, qr/no such user/, "user", "show", "carol");
is_deeply([map { $_->{user} }
           @{ ctl("user", "list", "--json")->{json}{users} }],
          ["alice", "root"], "nobody was made by asking");
is(ctl("user", "create", "carol")->{code}, 0, "made");
like(ctl("user", "show", "carol")->{out}, qr/^user +carol$/m, "there now");



=== TEST 11: a token for a trial
--- steps
my $file = state_dir() . "/jwt.key";
my @issue = ("jwt", "issue", "-k", $file, "--sub");

chomp(my $token = ctl(@issue, "dave")->{out});

is(api("GET", "/api/ai-api/keys", undef, $token)->{status}, 200, "it works");
refused(api("GET", "/api/ai-api/admin/stats", undef, $token), 403,
        "ADMIN_REQUIRED", "for a user");

my $r = ctl(@issue, "root", "--role", "admin", "--expires", "90s", "--json");

is(api("GET", "/api/ai-api/admin/stats", undef, $r->{json}{token})->{status},
   200, "for an administrator");
like($r->{json}{expiresAt}, qr/^20.*Z$/, "when it ends");

refuses("a role that is none", 2, qr/--role/, @issue, "x", "-r", "king");
refuses("no time", 2, qr/--expires/, @issue, "x", "-e", "0");
refuses("a name that is none", 2, qr/--sub/, @issue, "a/b");
refuses("no file", 1, qr/No such file/, "jwt", "issue", "--sub", "x", "-k",
        "$file.not");
refuses("a directory", 1, qr/not a regular file/, "jwt", "issue", "--sub",
        "x", "-k", state_dir());



=== TEST 12: as whom
--- steps
if (!$root) {
    pass("only root can try");
    return;
}

my $store = state_dir() . "/store";
my $pepper = state_dir() . "/pepper";

ctl("key", "create", "-u", "alice", "x");

is(scalar(grep { $_ ne "nobody" } owners($store)), 0,
   "root leaves nothing of root's");

refuses("another user", 3, qr/Permission denied/, { as => "daemon" },
        "key", "list");

chmod 0711, state_dir();
is(ctl({ as => "nobody" }, "key", "list")->{code}, 0, "the store's user");
refuses("who cannot read the pepper", 1, qr/pepper.*Permission denied/,
        { as => "nobody" }, "key", "create", "-u", "alice", "x");

chmod 0700, state_dir();
refuses("a store that its owner cannot reach", 3, qr/directories above/,
        "key", "list");
chmod 0755, state_dir();

# root's file in a directory of someone else

my $trap = state_dir() . "/trap";

mkdir $trap, 0700 or die;
open my $out, ">", "$trap/data.mdb" or die;
print $out "root's";
close $out;
chown((getpwnam("nobody"))[2, 3], $trap);

refuses("a trap", 3, qr/belongs to root/, { store => $trap }, "key", "list");



=== TEST 13: a store that cannot be used: exit code 3
--- steps
my $dir = state_dir() . "/bad";
my $store = state_dir() . "/store";
my @user = (stat "$store/data.mdb")[4, 5];

create_key(name => "x");

open my $in, "<:raw", "$store/data.mdb" or die;
my $good = do { local $/; <$in> };
close $in;

(my $newer = $good) =~ s/(schema|min_reader)(\x01|\x02)\x00{7}/$1\x7f\x00\x00\x00\x00\x00\x00\x00/g;

my %bad = (
    "made by a newer version" => $newer,
    "cut" => substr($good, 0, 8192),
    "of zeros" => "\0" x length $good,
    "no store at all" => "hello",
);

refuses("none", 3, qr/there is no store in/, { store => $dir }, "key",
        "list");

for my $name (sort keys %bad) {
    system("rm", "-rf", $dir);
    mkdir $dir, 0700 or die;
    chown @user, $dir;

    open my $out, ">:raw", "$dir/data.mdb" or die;
    print $out $bad{$name};
    close $out;
    chown @user, "$dir/data.mdb";

    refuses($name, 3, $name =~ /newer/ ? qr/newer/ : qr/damaged|cannot open/,
            { store => $dir }, "key", "list");

    open my $same, "<:raw", "$dir/data.mdb" or die;
    is(do { local $/; <$same> } eq $bad{$name}, 1, "$name: as it was")
        if $name ne "cut";
}

refuses("a file", 3, qr/there is no store/, { store => "$store/data.mdb" },
        "key", "list");
refuses("a name that is too long", 3, qr/too long/,
        { store => "x" x 5000 }, "key", "list");



=== TEST 14: nobody reads the answer
--- steps
my $r = ctl({ out => "/dev/full" }, "key", "create", "-u", "alice", "x");
my ($id) = $r->{err} =~ /nobody has the secret of (key_\w{22})/;

is($r->{code}, 1, "a full disk: exit code");
like($r->{err}, qr/^ai-apictl: cannot write the answer: No space left/m,
     "what happened");
is(ctl("key", "rotate", $id)->{code}, 0, "a new secret for it");

pipe(my $reader, my $writer) or die;
close $reader;

$r = ctl({ out => $writer }, "key", "list");

is($r->{code}, 1, "a pipe that nobody reads: exit code");
like($r->{err}, qr/\Aai-apictl: cannot write the answer: Broken pipe\n\z/,
     "what happened");



=== TEST 15: names of others on a terminal
--- steps
my @bad = ("a\x{202e}b", "\x{200b}", "x\x{2028}y", "\x{e0041}z");

create_key(name => $_) for "good \x{952e}", @bad;

my $r = ctl("key", "list");
my @lines = split /\n/, $r->{out};

is(scalar @lines, 6, "a line each");
like($lines[1], qr/ good \xe9\x94\xae +alice /, "letters are shown");
unlike($r->{out}, qr/\xe2\x80[\x8b\xae\xa8]|\xf3\xa0/, "nothing else is");
is(scalar(() = $r->{out} =~ /\xef\xbf\xbd/g), 4, "but a sign for it");
is(ctl("key", "list", "--json")->{json}{keys}[1]{name}, $bad[0],
   "JSON has it as it is");



=== TEST 16: the audit, credits, numbers
--- steps
my $me = "ai-apictl:" . getpwuid($<);
my ($id) = ctl("key", "create", "-u", "alice", "x")->{out} =~ /^id +(\S+)$/m;
my @credit = ("user", "credit", "-n", "for a test", "-k", "k1", "alice");

ctl("key", "limits", $id, "--day-tokens", 5);
like(ctl(@credit, "1.50")->{out}, qr/^balance +1\.5 CNY$/m, "a credit");
like(ctl(@credit, "1.50")->{out}, qr/^balance +1\.5 CNY$/m, "only once");
refuses("the key with another amount", 1, qr/idempotency key/, @credit, "2");
like(ctl("user", "credit", "--", "alice", "-0.25")->{out},
     qr/^balance +1\.25 CNY$/m, "a correction");
refuses("an amount that is none", 1, qr/"amount"/, "user", "credit",
        "alice", "1e3");
refuses("a credit for nobody", 1, qr/no such user/, "user", "credit", "bob",
        "1");
like(ctl("user", "list")->{out}, qr/^alice .* 1\.25  20/m, "in the list");

my $r = ctl("audit");
my @lines = split /\n/, $r->{out};

is($r->{code}, 0, "audit") or diag($r->{err});
like($lines[0], qr/^SEQ +AT +ACTOR +ACTION +TARGET +CHANGES$/, "heading");
is(scalar(grep { / \Q$me\E / } @lines[1 .. $#lines]), $#lines,
   "who it was");
is(scalar(grep { / key\.update +$id +adminLimits\.limits\.day\.tokens: 5$/ }
          @lines), 1, "what changed");

my $last = ctl("audit", "-n", 2, "--json")->{json}{audit};

is_deeply([map { $_->{action} } @$last], [("user.credit") x 2], "the last 2");
is(scalar @{ ctl("audit", "-n", 999, "--json")->{json}{audit} }, $#lines,
   "fewer than asked for");
refuses("no number", 2, qr/--last/, "audit", "-n", "x");

my $status = ctl("status", "--json")->{json};

is_deeply([@{ $status->{rows} }{qw(keys ledger)}], [1, 2], "status --json");
is($status->{lastLsn}, 2, "last LSN");
is($status->{mapSize}, 64 << 20, "the map is nginx's");
like(ctl("status")->{out}, qr/^room +\d+k of 64m used$/m, "status");



=== TEST 17: another pepper
--- steps
my $other = state_dir() . "/pepper.other";
my @new = ("--pepper-file", $other);

AiApi::Setup::secret_file($other, "q" x 32 . "\n");

my $r = ctl("key", "create", "-u", "alice", "x", @new);

is($r->{code}, 0, "in an empty store any is right") or diag($r->{err});
is(status_of(secret_of($r)), 401, "though nginx has another one");

my ($id) = $r->{out} =~ /^id +(\S+)$/m;

refuses("another one", 1, qr/another pepper/, "key", "create", "-u", "alice",
        "y");
refuses("for a rotation", 1, qr/another pepper/, "key", "rotate", $id);
is(status_of(secret_of(ctl("key", "rotate", $id, "--new-pepper"))), 200,
   "said to be right");
is(ctl("key", "create", "-u", "alice", "y")->{code}, 0, "known from now on");

refuses("none", 2, qr/which pepper/, "key", "create", "-u", "alice", "z",
        "--pepper-file", "");

AiApi::Setup::secret_file("$other.short", "q" x 31 . "\r\n");
refuses("a short one", 1, qr/shorter than 32/, "key", "rotate", $id,
        "--pepper-file", "$other.short");



=== TEST 18: what runs
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", gate => "g", gate_at => 500 }
--- steps
my @open = map { client() } 1 .. 3;

$_->send_request("POST", "/api/ai-service/chat",
                 json({ model => "llama3", stream => JSON::PP::true,
                        messages => [{ role => "user", content => "x" }] }),
                 "X-API-Key" => key())
    for @open;
ollama()->wait_for(waiting => 3, "g");

my $top;

# one of them may have all three, while the other begins
eventually(sub { $top = ctl("top", "--json")->{json}; $top->{workers} == 2 }, "two workers");
is($top->{running}, 3, "three requests");
is($top->{commitError}, undef, "nothing is wrong");
like(ctl("top")->{out}, qr/^running +3: /m, "shown");
is(ctl("stats", "--json")->{json}{inFlight}, 3, "in statistics");

ollama()->open("g");
$_->read_answer for @open;

eventually(sub { ctl("top", "--json")->{json}{running} == 0 }, "none");

my @looks = split /\n/, ctl("top", "-n", 2, "-d", "1s", "--json")->{out};

is(scalar @looks, 2, "two looks");
is(from_json($looks[1])->{lastLsn}, 3, "three records");
like(ctl("top", "-n", 2, "-d", 1)->{out},
     qr/\n\ntime .*^records +0, 0\.0 a second$/ms, "records a second");

refuses("no time", 2, qr/--delay/, "top", "-d", "0");
refuses("no number", 2, qr/--count/, "top", "-n", "0");
