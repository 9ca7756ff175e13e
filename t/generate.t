# POST /generate and /api/generate: recorded answers of a real Ollama, whole
# and in pieces.  The final line of these holds "context" before the counts.

use lib 't/lib';
use AiApi;
use AiApi::Replay;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: every recorded answer, whole
--- steps
replay("generate", $_, cut => "whole") for recordings(qr{/generate-(?!empty)});
replay("api/generate", $_, cut => "whole") for recordings(qr{/generate-(?!empty)});



=== TEST 2: cut at every line
--- steps
replay("generate", $_, cut => "lines") for recordings(qr{/generate-(?!empty)});



=== TEST 3: byte by byte
--- steps
replay("api/generate", $_, cut => "bytes") for recordings(qr{/generate-(?!empty)});



=== TEST 4: cut as the reads of the recording were
--- steps
for my $name (recordings(qr{/generate-(?!empty)})) {
    replay("api/generate", $name, cut => reads($name));
}



=== TEST 5: random cuts
--- steps
for my $name (recordings(qr{/generate-(?!empty)})) {
    replay("api/generate", $name, cut => "random", seed => $_) for 1 .. 4;
}



=== TEST 6: shapes of newer versions
--- steps
my @exact = (estimated => JSON::PP::false, status => "ok");

for my $stream ("true", "false") {
    replay_shape("api/generate", "/api/generate", $stream, "ok", promptTokens => 26,
                 completionTokens => 3, @exact);
    replay_shape("api/generate", "/api/generate", $stream, "think", promptTokens => 11,
                 completionTokens => 5, @exact);
    replay_shape("api/generate", "/api/generate", $stream, "tool", promptTokens => 169,
                 completionTokens => 15, @exact);
}



=== TEST 7: a context of megabytes before the counts
--- config
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
--- upstream
{ path => "/api/generate", contains => '"stream":false',
  raw => http_answer(200, '{"model":"llama3","response":"x","done":true,"context":['
    . join(",", 1 .. 300000) . '],"prompt_eval_count":7,"eval_count":11}') },
{ path => "/api/generate",
  raw => chunked("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson",
    "{\"model\":\"llama3\",\"response\":\"x\",\"done\":false}\n",
    '{"model":"llama3","response":"","done":true,"context":[' . join(",", 1 .. 300000)
    . "],\"prompt_eval_count\":7,\"eval_count\":11}\n") }
--- steps
for my $stream (JSON::PP::true, JSON::PP::false) {
    my $r = generate({ model => "llama3", prompt => "x", stream => $stream });

    is("$r->{status} $r->{complete}", "200 1", "a whole answer");
    cmp_ok(length $r->{body}, ">", 1900000, "of megabytes");
    charged($r, { promptTokens => 7, completionTokens => 11, cost => "0.000054" },
            "the record");
}



=== TEST 8: counts that are not counts
--- upstream
(map { ({ path => "/api/generate", contains => "<$_->[0]>", raw => http_answer(200,
    "{\"model\":\"llama3\",\"response\":\"x\",\"done\":true,$_->[1]}") }) }
  ["missing", '"x":1'], ["zero", '"prompt_eval_count":0,"eval_count":0'],
  ["negative", '"prompt_eval_count":-5,"eval_count":3'],
  ["fraction", '"prompt_eval_count":5.5,"eval_count":3'],
  ["huge", '"prompt_eval_count":99999999999999999999,"eval_count":3'],
  ["string", '"prompt_eval_count":5,"eval_count":"3"'],
  ["nested", '"x":{"prompt_eval_count":900,"eval_count":900},"prompt_eval_count":5,'
             . '"eval_count":3'],
  ["cached", '"prompt_eval_count":5,"prompt_eval_cached_count":4,"eval_count":3'])
--- steps
my $no = JSON::PP::false;
my $yes = JSON::PP::true;
my $ask = sub {
    my ($name, %expected) = @_;
    my $r = generate({ model => "llama3", prompt => "<$name>" });

    is($r->{status}, 200, "$name: the answer");
    return charged($r, \%expected, "$name: the record");
};

my $record = $ask->("missing", estimated => $yes, estimatedPrompt => $yes);
cmp_ok($record->{promptTokens}, ">=", 1, "missing: at least one");

$ask->("zero", promptTokens => 0, completionTokens => 0, estimated => $no, cost => "0");
$ask->($_, completionTokens => 3, estimatedPrompt => $yes, estimatedCompletion => $no,
       estimated => $yes) for qw(negative fraction huge);

$record = $ask->("string", promptTokens => 5, estimatedPrompt => $no,
                 estimatedCompletion => $yes);
cmp_ok($record->{completionTokens}, ">=", 1, "string: at least one");

$ask->("nested", promptTokens => 5, completionTokens => 3, estimated => $no);
$ask->("cached", promptTokens => 5, cachedTokens => 4, completionTokens => 3,
       cost => "0.000024", estimated => $no);



=== TEST 9: prices by family
--- http_config
    ai_api_price qwen input=0.01 output=0.03 cached=0.001;
--- upstream
{ path => "/api/generate", raw => http_answer(200, '{"response":"x","done":true,'
    . '"prompt_eval_count":1000,"prompt_eval_cached_count":400,"eval_count":2000}') }
--- steps
for my $case (["llama2", "Llama2", "0.006"], ["llama2-uncensored", "Llama2", "0.006"],
              ["llama3.2:1b", "Llama3", "0.009"], ["llama3-chatqa", "Llama3", "0.009"],
              ["user/llama3-ft", "Llama3", "0.009"], ["LLAMA3", "Llama3", "0.009"],
              ["hf.co/u/llama3-GGUF", "Llama3", "0.009"],
              ["mistral-nemo", "Mistral", "0.0075"], ["mixtral:8x7b", "Mixtral", "0.012"],
              ["gemma3:270m", "Gemma", "0.006"], ["codellama", "other", "0.0075"],
              ["llama32x", "Llama3", "0.009"], ["llamax", "other", "0.0075"],
              ["qwen2.5:7b", "qwen", "0.0664"])
{
    my ($model, $family, $cost) = @$case;
    my $r = generate({ model => $model, prompt => "x" });

    charged($r, { family => $family, cost => $cost, promptTokens => 1000,
                  cachedTokens => 400, completionTokens => 2000 }, $model);
}
