# What nginx -t says to directives of limits that are wrong.

use lib 't/lib';
use AiApi;
use AiApi::Conf;
use Test::Nginx::Socket 'no_plan';


# A location with these lines.

sub with {
    return "location /a/ { ai_api_pass http://127.0.0.1:1; @_ }";
}


run_tests();

__DATA__

=== TEST 1: right ones
--- steps
accepts("ai_api_quota $_; ai_api_context_length 4096;", $pass) for qw(strict estimate post);
accepts("", with("ai_api_quota estimate;"));
accepts("ai_api_quota strict;", with("ai_api_context_length 1;"));
accepts("ai_api_context_length 8192 overhead=0;", with("ai_api_quota strict;"));
accepts("ai_api_context_length 131072 overhead=100000;", with("ai_api_quota strict;"));
accepts("ai_api_quota strict;", with("ai_api_quota post;"));
accepts("ai_api_context_length 4096;", "ai_api_quota strict; $pass");
accepts("ai_api_quota strict; ai_api_context_length 1;",
        with("ai_api_context_length 4096 overhead=1;"));

# where nothing is passed, nothing is held
accepts("ai_api_quota strict;", "location / { ai_api_manage; }");
accepts("ai_api_quota strict;", "location / { return 200; }");
accepts("ai_api_quota strict;", "");

accepts("ai_api_default_limits $_;", $pass) for
    "key tokens=1", "user tokens=0", "key requests=9007199254740991", "user cost=0.000000001",
    "key cost=0", "user day_cost=9000000", "key parallel=1",
    "user tokens=1 requests=2 cost=3 day_tokens=4 day_requests=5 day_cost=6"
    . " month_tokens=7 month_requests=8 month_cost=9 minute_tokens=10 minute_requests=11"
    . " parallel=12";
accepts("ai_api_default_limits key tokens=1; ai_api_default_limits user tokens=1;", $pass);
accepts("ai_api_default_limits user parallel=1;", "");



=== TEST 2: strict needs the context's length
--- steps
my $said = qr/no "ai_api_context_length" is defined for "ai_api_quota strict" in location "/;

refuses("ai_api_quota strict;", $pass, qr{${said}/"});
refuses("", with("ai_api_quota strict;"), qr{${said}/a/"});
refuses("", "ai_api_quota strict; " . with(""), qr{${said}/a/"});
refuses("", with("ai_api_context_length 1;")
        . " location /b/ { ai_api_pass http://127.0.0.1:1; ai_api_quota strict; }",
        qr{${said}/b/"});
refuses("ai_api_quota strict;", "location ~ ^/x { ai_api_pass http://127.0.0.1:1; }",
        qr{${said}\^/x"});



=== TEST 3: ai_api_quota
--- steps
refuses("ai_api_quota $_;", $pass, qr/invalid value "$_"/) for qw(on off loose strictest);
refuses('ai_api_quota "";', $pass, qr/invalid value ""/);
refuses("ai_api_quota;", $pass, qr/invalid number of arguments in "ai_api_quota"/);
refuses("ai_api_quota post post;", $pass, qr/invalid number of arguments in "ai_api_quota"/);
refuses("ai_api_quota post; ai_api_quota post;", $pass, qr/"ai_api_quota" directive is duplicate/);
refuses("", with("ai_api_quota post; ai_api_quota strict;"),
        qr/"ai_api_quota" directive is duplicate/);



=== TEST 4: ai_api_context_length
--- steps
refuses("ai_api_context_length $_;", $pass, qr/invalid (?:value|number|parameter)/,
        qr/ai_api_context_length|"\Q$_\E"/)
    for qw(0 -1 x 1k 1.5 99999999999999999999 "");
refuses("ai_api_context_length 4096 $_;", $pass, qr/invalid parameter "\Q$_\E"/)
    for qw(overhead overhead= overhead=x overhead=-1 overhead=1k
           overhead=99999999999999999999 Overhead=1 x=1 4096);
refuses("ai_api_context_length;", $pass,
        qr/invalid number of arguments in "ai_api_context_length"/);
refuses("ai_api_context_length 1 overhead=1 overhead=1;", $pass,
        qr/invalid number of arguments|duplicate/);
refuses("ai_api_context_length 1; ai_api_context_length 2;", $pass,
        qr/"ai_api_context_length" directive is duplicate/);



=== TEST 5: ai_api_default_limits
--- steps
refuses("ai_api_default_limits $_;", $pass,
        qr/invalid number of arguments in "ai_api_default_limits"/) for "", "key", "user";
refuses("ai_api_default_limits $_ tokens=1;", $pass, qr/invalid parameter "\Q$_\E"/)
    for qw(keys users Key all tokens=2);
refuses("ai_api_default_limits key $_;", $pass, qr/invalid parameter "\Q$_\E"/)
    for qw(x=1 tokens tokens= =1 tokens=x tokens=-1 tokens=1.5 tokens=1k Tokens=1
           tokens=9007199254740992 tokens=99999999999999999999 requests=-1 requests=1e3
           cost=x cost= cost=-1 cost=.5 cost=1. cost=1e3 cost=0.0000000001
           cost=99999999999999999999 day=1 day_x=1 minute_cost=1 month_parallel=1
           parallel=x parallel=-1 parallel=99999999999999999999 day_tokens=x
           month_cost=x minute_tokens=x minute_requests=-1 usageLimit=1);
refuses("ai_api_default_limits key tokens=1 $_;", $pass, qr/duplicate parameter "\Q$_\E"/)
    for qw(tokens=1 tokens=2);
refuses("ai_api_default_limits user day_cost=1 tokens=1 day_cost=1;", $pass,
        qr/duplicate parameter "day_cost=1"/);

for my $whose (qw(key user)) {
    refuses("ai_api_default_limits $whose tokens=1; ai_api_default_limits $whose requests=1;",
            $pass, qr/is duplicate/);
}

refuses("", "ai_api_default_limits key tokens=1; $pass",
        qr/"ai_api_default_limits" directive is not allowed here/);
refuses("", with("ai_api_default_limits key tokens=1;"),
        qr/"ai_api_default_limits" directive is not allowed here/);



=== TEST 6: the others that limits need
--- steps
refuses("ai_api_max_output_tokens $_;", $pass, qr/invalid (?:value|number)|must be between/)
    for qw(0 -1 x 2147483648 1k "");
refuses("ai_api_settle_timeout $_;", $pass, qr/invalid (?:value|parameter)|must be/)
    for "x", "0", "1s forever", "1s Fail";
refuses("ai_api_settle_timeout 1s fail release;", $pass, qr/invalid number of arguments/);
refuses("ai_api_settle_timeout 61s;", "$pass send_timeout 60s;", qr/send_timeout/);
accepts("ai_api_settle_timeout 1s $_;", $pass) for qw(fail release);
