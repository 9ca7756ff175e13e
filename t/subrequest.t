# Subrequests inherit nothing: whoever makes them, none reaches Ollama with the
# key of the main request.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);


sub page {
    my ($name, $key) = @_;

    return request("GET", "/$name/page.html", undef, "X-API-Key" => $key);
}


run_tests();

__DATA__

=== TEST 1: mirror, auth_request, SSI
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }

    location /mirrored/ {
        mirror /api/ai-service/models;
    }

    location /asked/ {
        auth_request /api/ai-service/models;
    }

    location /included/ {
        ssi on;
    }
--- user_files
>>> mirrored/page.html
plain
>>> asked/page.html
plain
>>> included/page.html
[<!--#include virtual="/api/ai-service/models" -->]
--- upstream
({ path => "/api/chat", play => "0.24.0/chat-json" },
 { path => "/api/tags", play => "0.24.0/tags" })
--- steps
my $key = key();
my $lsn = last_lsn();

is(page("mirrored", $key)->{body}, "plain\n", "the mirrored request goes on");
is(page("asked", $key)->{status}, 403, "auth_request");
like(page("included", $key)->{body}, qr/^\[.*403 Forbidden.*\]/s, "SSI");

is(scalar sent_upstream(), undef, "Ollama hears of none");
no_record($lsn, "no record");

is(chat({ %question }, key => $key)->{status}, 200, "the same key, asked directly");
