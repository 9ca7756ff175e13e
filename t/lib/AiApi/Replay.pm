package AiApi::Replay;

# One recorded answer through the module: the client must get its bytes, the
# ledger its counts.
#
#   replay("api/chat", "0.24.0/chat-stream", cut => "bytes");
#   replay_shape("api/chat", "/api/chat", "true", "tool", promptTokens => 169);

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use AiApi::Wire;

our @EXPORT = qw(replay replay_shape reads);


# The recorded request is sent too; /chat and /generate, which do not stream
# by default, are told to where Ollama did.

sub replay {
    my ($route, $name, %rule) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $w = recording($name);
    my $request = AiApi::from_json($w->{request});
    my $stream = $w->{type} =~ /ndjson/ ? JSON::PP::true : JSON::PP::false;

    if ($route !~ m{^api/} && $stream) {
        $request->{stream} = JSON::PP::true;
    }

    AiApi::upstream({ play => $name, %rule });

    my $r = AiApi::request("POST", "/api/ai-service/$route", AiApi::json($request),
                           "X-API-Key" => AiApi::key());

    return compare($w, $r, "$route $name " . how(%rule),
                   stream => $stream, status => "ok", estimated => JSON::PP::false,
                   promptTokens => $w->{prompt}, completionTokens => $w->{completion},
                   cost => $w->{cost}, model => "llama3:latest",
                   endpoint => "/" . ($route =~ m{^api/} ? $route : "api/$route"));
}


sub replay_shape {
    my ($route, $path, $stream, $case, %expected) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $w = shape($path, $stream, $case);
    my %request = (model => "llama3", stream => $stream eq "true" ? JSON::PP::true
                                                                  : JSON::PP::false);

    if ($path eq "/api/chat") {
        $request{messages} = [{ role => "user", content => "x" }];

    } else {
        $request{prompt} = "x";
    }

    AiApi::upstream({ raw => $w->{raw}, cut => "lines" });

    my $r = AiApi::request("POST", "/api/ai-service/$route", AiApi::json(\%request),
                           "X-API-Key" => AiApi::key());

    return compare($w, $r, "$path stream=$stream $case", %expected);
}


sub compare {
    my ($w, $r, $name, %expected) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $body = $r->{body} eq $w->{body} ? "the same" : $r->{body};
    my $end = $r->{complete} ? "complete" : "torn";
    my $type = $r->{headers}{"content-type"} || "";

    is("$r->{status} $type, $end, $body", "$w->{status} $w->{type}, complete, the same",
       $name);

    return AiApi::charged($r, { httpStatus => $w->{status}, %expected },
                          "$name: the record");
}


sub how {
    my (%rule) = @_;

    my $cut = ref $rule{cut} ? "as read" : $rule{cut};

    return defined $rule{seed} ? "$cut $rule{seed}" : $cut;
}


# The sizes of the recorded reads.

sub reads {
    my ($name) = @_;

    my $path = AiApi::Wire::data() . "/$name.reads";

    open my $in, "<", $path or die "$path: $!\n";
    local $/;

    return [map { $_->[1] } @{ AiApi::from_json(scalar <$in>) }];
}


1;
