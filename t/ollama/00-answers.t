# The real Ollama by itself, without nginx: it answers, has the model, counts.

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;
use Test::More;

my $url = "http://$ENV{OLLAMA_HOST}";
my $http = HTTP::Tiny->new(timeout => 120);

my $r = $http->get("$url/api/version");
is($r->{status}, 200, "version");
diag("Ollama " . decode_json($r->{content})->{version});

$r = $http->get("$url/api/tags");
is($r->{status}, 200, "tags");
is(decode_json($r->{content})->{models}[0]{name}, "llama3:latest",
   "the model is llama3");

$r = $http->post("$url/api/chat", { content => encode_json({
    model => "llama3",
    stream => JSON::PP::false,
    messages => [{ role => "user", content => "Why is the sky blue?" }],
    options => { num_predict => 4, temperature => 0, seed => 1 },
}) });
is($r->{status}, 200, "chat");

my $answer = decode_json($r->{content});
is($answer->{eval_count}, 4, "completion tokens");
cmp_ok($answer->{prompt_eval_count}, ">", 4, "prompt tokens");

done_testing();
