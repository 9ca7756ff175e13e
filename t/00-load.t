# The module is there, loads into this machine's nginx, and nothing of it is
# active without a directive.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: loaded, no directive
--- bare
--- config
    location = /plain {
        return 200 "plain\n";
    }
--- request
GET /plain
--- response_body
plain


=== TEST 2: an unknown directive still fails with nginx's own words
--- bare
--- config
    ai_api_no_such_directive on;
--- must_die
--- error_log
unknown directive "ai_api_no_such_directive"
