# A second Ollama behind "error_page": only for what the first one never got.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($config %question);

%question = (model => "llama3",
             messages => [{ role => "user", content => "hi" }]);


sub ask {
    return api("POST", "/api/ai-service/chat", \%question, key());
}


run_tests();

__DATA__

=== TEST 1: the first one is not there
--- http_config
    upstream nobody {
        server 127.0.0.1:1;
    }
--- config
    location /api/ai-service/ {
        ai_api_pass http://nobody;
        error_page 502 503 = @other;
    }

    location @other {
        ai_api_pass http://ollama;
        ai_api_prefix /api/ai-service/;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" },
{ path => "/api/tags", play => "0.24.0/tags" }
--- steps
my $r = ask();
is($r->{status}, 200, "the other one answers");

my @l = records_after(0, 1);
is(scalar(@l), 1, "one record");
is($l[0]{completionTokens}, 24, "exact");
is($l[0]{requestId}, $r->{headers}{"x-request-id"}, "of this request");

is(api("GET", "/api/ai-service/models", undef, key())->{status}, 200,
   "a list too");
--- error_log
[error]
Connection refused



=== TEST 2: the first one had it and died
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        error_page 502 503 = @other;
    }

    location @other {
        ai_api_pass http://ollama;
        ai_api_prefix /api/ai-service/;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ path => "/api/chat", times => 1, play => "0.24.0/chat-json", stop_after => 0 },
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $r = ask();
is($r->{status}, 502, "no second upstream");
is($r->{json}{code}, "AI_SERVICE_ERROR", "code");
is(scalar(@{ollama()->requests}), 1, "sent once");

my @l = records_after(0, 1);
is(scalar(@l), 1, "one record");
is($l[0]{status}, "upstream_error", "upstream_error");
is($l[0]{costNano}, 0, "costs nothing");
--- error_log
[error]
prematurely closed



=== TEST 3: the second location's refusal has nothing of the first one's
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
        error_page 405 = @other;
    }

    location @other {
        ai_api_pass http://ollama;
        ai_api_prefix /elsewhere/;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- steps
my $r = request("GET", "/api/ai-service/chat", undef, "X-API-Key" => key());
is($r->{status}, 403, "no such route there");
is($r->{json}{code}, "ENDPOINT_NOT_ALLOWED", "code");
is($r->{headers}{allow}, undef, "no Allow of the 405 before");
