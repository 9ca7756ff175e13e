# What nginx says to a configuration that is wrong: a clear message for each
# mistake, and nothing made on the disk.

use lib 't/lib';
use AiApi;
use AiApi::Conf;
use Test::Nginx::Socket 'no_plan';


sub file {
    my ($name, $bytes, $mode) = @_;

    my $path = state_dir() . "/$name";

    open my $out, ">", $path or die "$!\n";
    print $out $bytes;
    close $out;
    chmod defined $mode ? $mode : 0600, $path;

    return $path;
}


run_tests();

__DATA__

=== TEST 1: configurations that are right
--- steps
accepts("", "", "nothing of ours");
accepts("", $pass, "ai_api_pass");
accepts("", "location / { ai_api_manage; }", "ai_api_manage");
accepts("ai_api_auth key;", "location / { return 200; }", "ai_api_auth key in http");
accepts($_, $pass) for
    "ai_api_currency EUR;", "ai_api_price llama3 input=0.1 output=0.2;",
    "ai_api_price x input=0 output=0.000000000001 cached=1;", "ai_api_users auto;",
    "ai_api_users known;", "ai_api_max_keys_per_user 1;", "ai_api_error_language zh;",
    "ai_api_error_language en;", "ai_api_error_language auto;", "ai_api_abort drain;",
    "ai_api_abort drain 5m;", "ai_api_abort cut;", "ai_api_settle_timeout 5s;",
    "ai_api_settle_timeout 5s fail;", "ai_api_stall_timeout 5s;", "ai_api_quota post;", "ai_api_settle_timeout 5s release;",
    "ai_api_quota strict; ai_api_context_length 4096;", "ai_api_context_length 1 overhead=0;",
    "ai_api_host x:1;", "ai_api_connect_timeout 1s;", "ai_api_send_timeout 1s;",
    "ai_api_read_timeout 1s;", "ai_api_buffer_size 4k;", "ai_api_next_upstream off;",
    "ai_api_next_upstream error timeout http_503;", "ai_api_next_upstream_tries 2;",
    "ai_api_next_upstream_timeout 1s;", "ai_api_bind 127.0.0.1;", "ai_api_bind off;",
    "ai_api_socket_keepalive on;", "ai_api_default_model llama3;",
    "ai_api_model_alias gpt-4o llama3; ai_api_model_alias gpt-4 llama3;",
    "ai_api_max_output_tokens 1;", "ai_api_max_output_tokens 2147483647;",
    "ai_api_max_keep_alive 1h;", "ai_api_allow template cloud show_full;", "ai_api_prefix /x/;",
    "ai_api_jwt_issuer x; ai_api_jwt_audience y; ai_api_jwt_leeway 5s;",
    "ai_api_jwt_user_claim email; ai_api_jwt_role_claim groups;",
    "ai_api_store \$DIR/new map_size=1g readers=64 sync=nometasync;",
    "ai_api_store \$DIR/new slots=64 lanes=1;", "ai_api_store \$DIR/new slots=32768 lanes=1024;",
    "ai_api_store \$DIR/new map_size=1g readers=64 sync=sync slots=8192 lanes=16;",
    "ai_api_store \$DIR/new sync=async;", "ai_api_store \$DIR/new sync=sync;";
ok(!-e "$dir/new", "nginx -t makes nothing");



=== TEST 2: ai_api_store, ai_api_pepper_file, ai_api_jwt_key_file are needed
--- steps
refuses("no ai_api_store;", $pass, qr/ai_api_store/);
refuses("no ai_api_store;", "location / { ai_api_manage; }", qr/ai_api_store/);
refuses("no ai_api_store; ai_api_auth key;", "location / { root /; }", qr/ai_api_store/);
refuses("no ai_api_pepper_file;", $pass, qr/ai_api_pepper_file/);
refuses("no ai_api_jwt_key_file;", "location / { ai_api_manage; }",
        qr/ai_api_jwt_key_file/);
accepts("no ai_api_jwt_key_file;", $pass, "no JWT key for keys alone");



=== TEST 3: ai_api_store
--- steps
refuses("ai_api_store \$DIR/new map_size=$_;", "", qr/map_size/) for "x", "", "1k", -1;
refuses("ai_api_store \$DIR/new readers=$_;", "", qr/readers/) for "x", 0, 65536, -1;
refuses("ai_api_store \$DIR/new slots=$_;", "", qr/invalid parameter "slots=\Q$_\E"/)
    for "x", "", 0, 63, 65, 100, -64, 32832, "64k";
refuses("ai_api_store \$DIR/new lanes=$_;", "", qr/invalid parameter "lanes=\Q$_\E"/)
    for "x", "", 0, 1025, -1;
refuses("ai_api_store \$DIR/new sync=$_;", "", qr/sync/) for "x", "", "off";
refuses("ai_api_store \$DIR/new foo=1;", "", qr/foo=1/);
refuses("ai_api_store;", "", qr/invalid number of arguments/);
refuses("ai_api_store \$DIR/new; ai_api_store \$DIR/other;", "", qr/is duplicate/);
refuses("", "ai_api_store \$DIR/new;", qr/"ai_api_store" directive is not allowed here/);



=== TEST 4: secret files
--- steps
my $short = file("short", "x" x 31);
my $line = file("line", "x" x 31 . "\n");
my $empty = file("empty", "");
my $big = file("big", "x" x 70000);
my $good = file("good", "x" x 32 . "\n");

for my $name (qw(ai_api_pepper_file ai_api_jwt_key_file)) {
    my $server = "location / { ai_api_manage; }";

    accepts("$name $good;", $server, "$name, 32 bytes");
    refuses("$name $short;", $server, qr/\Q$short/, qr/32/);
    refuses("$name $line;", $server, qr/\Q$line/, qr/32/);
    refuses("$name $empty;", $server, qr/\Q$empty/);
    refuses("$name $big;", $server, qr/\Q$big/);
    refuses("$name \$DIR/none;", $server, qr/none/, qr/No such file/);
    refuses("$name \$DIR;", $server, qr/\Q$dir/);
    refuses("$name;", $server, qr/invalid number of arguments/);
    refuses("$name $good; $name $good;", $server, qr/is duplicate/);
}

my $open = file("open", "x" x 32, 0644);
my (undef, $said) = nginx_t("ai_api_pepper_file $open;", $pass);
like($said, qr/\[warn\].*\Q$open/, "a file that others can read is a warning");

if ($> != 0) {
    my $closed = file("closed", "x" x 32, 0000);
    refuses("ai_api_pepper_file $closed;", $pass, qr/\Q$closed/, qr/Permission denied/);
}

refuses("ai_api_jwt_key_file $good alg=$_;", "location / { ai_api_manage; }", qr/alg/)
    for "none", "RS256", "", "hs256";
refuses("ai_api_jwt_key_file $good x=y;", "location / { ai_api_manage; }", qr/x=y/);



=== TEST 5: a JWKS
--- steps
my $secret = "A" x 43;
my $server = "location / { ai_api_manage; }";

for my $case (
    ["two keys", { keys => [map { { kty => "oct", k => $secret, alg => "HS256", kid => $_ } }
                            "a", "b"] }, 1],
    ["no keys", { keys => [] }, 0],
    ["keys is no list", { keys => {} }, 0],
    ["no alg", { keys => [{ kty => "oct", k => $secret }] }, 0],
    ["alg none", { keys => [{ kty => "oct", k => $secret, alg => "none" }] }, 0],
    ["a short key", { keys => [{ kty => "oct", k => "A" x 41, alg => "HS256" }] }, 0],
    ["no base64url", { keys => [{ kty => "oct", k => "!" x 43, alg => "HS256" }] }, 0],
    ["kty", { keys => [{ kty => "x", k => $secret, alg => "HS256" }] }, 0],
    ["a kid twice", { keys => [map { { kty => "oct", k => $secret, alg => "HS256",
                                       kid => "a" } } 1, 2] }, 0],
) {
    my ($name, $jwks, $good) = @$case;
    my $path = file("jwks", json($jwks));

    if ($good) {
        accepts("ai_api_jwt_key_file $path;", $server, $name);

    } else {
        refuses("ai_api_jwt_key_file $path;", $server, qr/\Q$path/);
    }
}

my $path = file("jwks", "{");
refuses("ai_api_jwt_key_file $path;", $server, qr/\Q$path/);



=== TEST 6: prices
--- steps
refuses("ai_api_price $_;", "", qr/ai_api_price|invalid/) for
    "x", "x input=1", "x output=1", "x input=-1 output=1", "x input=1e3 output=1",
    "x input= output=1", "x input=1. output=1", "x input=.5 output=1",
    "x input=1 output=1 foo=1", "x input=1 output=x", "x input=1 input=1 output=1",
    "x input=0.0000000000001 output=1", "x input=99999999999999999999 output=1";
refuses("ai_api_price x input=1 output=1; ai_api_price X input=2 output=2;", "",
        qr/duplicate/);
refuses("ai_api_currency $_;", "", qr/ai_api_currency|invalid/)
    for "EU", "EURO", "eur", "E1R";
refuses("ai_api_currency EUR; ai_api_currency USD;", "", qr/is duplicate/);
refuses("", "ai_api_price x input=1 output=1;", qr/is not allowed here/);



=== TEST 7: ai_api_pass
--- steps
refuses("", "location / { ai_api_pass $_; }", qr/ai_api_pass|URL|host|upstream|port/) for
    "127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://127.0.0.1:x",
    "http://127.0.0.1:1/path", "ftp://x", "http://" . "x" x 64 . ".invalid";
refuses("", "location / { ai_api_pass; }", qr/invalid number of arguments/);
refuses("", "location / { ai_api_pass http://127.0.0.1:1; ai_api_pass http://127.0.0.1:2; }",
        qr/is duplicate/);
refuses("", "ai_api_pass http://127.0.0.1:1;", qr/is not allowed here/);
refuses("ai_api_pass http://127.0.0.1:1;", "", qr/is not allowed here/);
refuses("", "location / { ai_api_pass http://127.0.0.1:1; $_ }", qr/ai_api_|duplicate/)
    for "ai_api_auth off;", "ai_api_manage;", "ai_api_error;";
refuses("", "location / { ai_api_pass http://127.0.0.1:1; satisfy any; }", qr/satisfy/);
refuses("satisfy any;", $pass, qr/satisfy/);

my $users = file("users", "x:y\n");
refuses("", "location / { ai_api_pass http://127.0.0.1:1; auth_basic x;"
        . " auth_basic_user_file $users; }", qr/auth_basic/);
accepts("", "auth_basic x; auth_basic_user_file $users; location / {"
        . " auth_basic off; ai_api_pass http://127.0.0.1:1; }", "auth_basic off");



=== TEST 8: numbers, times, words
--- steps
for my $case (
    ["ai_api_max_output_tokens", 0, -1, "x", 2147483648, ""],
    ["ai_api_max_keys_per_user", 0, -1, "x", 1000001],
    ["ai_api_connect_timeout", "x", -1], ["ai_api_send_timeout", "x"],
    ["ai_api_read_timeout", "x"], ["ai_api_buffer_size", "x", -1],
    ["ai_api_next_upstream", "x"], ["ai_api_next_upstream_tries", "x"],
    ["ai_api_socket_keepalive", "x"], ["ai_api_bind", "x"],
    ["ai_api_max_keep_alive", "x"], ["ai_api_allow", "x", "template x"],
    ["ai_api_quota", "x", "strict"],
    ["ai_api_context_length", "0", "x", "1 2", "1 overhead=x"], ["ai_api_abort", "x", "drain x", "cut 5s"],
    ["ai_api_settle_timeout", "x", "1s x"], ["ai_api_stall_timeout", "x"],
    ["ai_api_users", "x"], ["ai_api_error_language", "x"], ["ai_api_auth", "x", "on"],
    ["ai_api_jwt_leeway", "x"], ["ai_api_default_model", "a//b", "a\@sha256:00"],
    ["ai_api_model_alias", "x", "x a//b"],
) {
    my ($name, @values) = @$case;

    for my $value (@values) {
        my $text = $value eq "" ? '""' : $value;
        refuses("$name $text;", $pass, qr/$name|invalid|must be/);
    }
}



=== TEST 9: times that must fit send_timeout
--- steps
refuses("send_timeout 5s; ai_api_settle_timeout 5s;", $pass, qr/ai_api_settle_timeout/,
        qr/send_timeout/);
refuses("send_timeout 5s;", $pass, qr/ai_api_stall_timeout/, qr/send_timeout/);
refuses("ai_api_stall_timeout 2m;", $pass, qr/ai_api_stall_timeout/, qr/send_timeout/);
accepts("send_timeout 5s; ai_api_settle_timeout 4s; ai_api_stall_timeout 4s;", $pass,
        "both are less");
accepts("send_timeout 5s;", "location / { return 200; }", "not where it does not matter");



=== TEST 10: a store that is not there is made at start; nginx -t makes nothing
--- steps
my ($code, $said) = nginx_t("", $pass);

is($code, 0, "nginx -t") or diag($said);
ok(!-e "$dir/new", "no directory");

($code, $said) = run_nginx("", "", $pass);
is($code, 0, "nginx") or diag($said);

if ($code == 0) {
    eventually(sub { -s "$dir/nginx.pid" }, "runs");
    ok(-d "$dir/new", "a directory");
    is(sprintf("%o", (stat "$dir/new")[2] & 07777), "700", "for its owner only");
    is_deeply([grep { (stat $_)[2] & 0077 } glob "$dir/new/*"], [], "its files too");

    open my $in, "<", "$dir/nginx.pid" or die "$!\n";
    chomp(my $pid = <$in>);
    kill "TERM", $pid;
    eventually(sub { !Test::Nginx::Util::is_running($pid) }, "ends");
}



=== TEST 11: a store that is damaged: nginx does not start, and nothing is wiped
--- steps
my $start = sub {
    my ($name, @patterns) = @_;
    my ($code, $said) = run_nginx("", "ai_api_store \$DIR/bad;", $pass);
    my @missing = grep { $said !~ $_ } qr/\[emerg\]/, qr{/bad}, @patterns;

    ok($code != 0 && !@missing, $name) or diag("code $code, without @missing:\n$said");

    if ($code == 0 && open my $in, "<", "$dir/nginx.pid") {
        chomp(my $pid = <$in>);
        kill "TERM", $pid;
        wait_for(sub { !Test::Nginx::Util::is_running($pid) });
    }
};

$dir = state_dir();

for my $case (["rubbish", "x" x 65536], ["zeros", "\0" x 65536], ["a short file", "x" x 10]) {
    my ($name, $bytes) = @$case;

    mkdir "$dir/bad";
    chmod 0777, "$dir/bad";
    file("bad/data.mdb", $bytes, 0666);
    $start->($name);

    open my $in, "<:raw", "$dir/bad/data.mdb" or die "$!\n";
    local $/;
    ok(<$in> eq $bytes, "$name: the file is as it was");
    unlink glob "$dir/bad/*";
}

# a store that is a file, or cannot be made
rmdir "$dir/bad";
file("bad", "x");
$start->("a file");



=== TEST 12: the configuration that is shipped
--- steps
SKIP: {
    skip "no nginx.conf.example", 1 if !-e "nginx.conf.example";

    $dir = state_dir();
    open my $in, "<", "nginx.conf.example" or die "$!\n";
    my $text = do { local $/; <$in> };

    # the paths of an installation become those of this test
    $text =~ s{^(\s*load_module\s+)\S+;}{$1$ENV{AI_API_MODULE};}m;
    $text =~ s{^(\s*ai_api_store\s+)\S+?(;|\s)}{$1$dir/example$2}m;
    $text =~ s{^(\s*ai_api_pepper_file\s+)\S+;}{$1$dir/pepper;}m;
    $text =~ s{^(\s*ai_api_jwt_key_file\s+)[^;\s]+}{$1$dir/jwt.key}m;
    $text =~ s{^\s*user\s[^;]*;}{}m if $> != 0;
    $text =~ s{^(\s*(?:error_log|access_log|pid)\s+)(?!off|stderr)/[^;\s]*/}{$1$dir/}mg;

    file("example.conf", $text);

    my $said = `nginx -t -p $dir -c $dir/example.conf -e stderr 2>&1`;

    is($?, 0, "nginx -t") or diag($said);
}



=== TEST 13: lanes for the workers of two configurations
--- steps
for my $case ([3, "worker_processes 2;", 2], [4, "worker_processes 2;"], [1, "", 1], [2, ""],
              [2, "master_process off; worker_processes 4;"])
{
    my ($lanes, $main, $workers) = @$case;
    my ($code, $said) = nginx_t("ai_api_store \$DIR/new lanes=$lanes;", $pass, $main);
    my $name = "$lanes lanes, " . ($main || "nothing said");

    is($code, 0, "$name: nginx -t") or diag($said);

    if (defined $workers) {
        like($said, qr/\[warn\] .*$lanes "lanes" of .* twice "worker_processes" \($workers\)/,
             "$name: a warning");
    } else {
        unlike($said, qr/"lanes"/, "$name: enough");
    }
}
