package AiApi::Wire;

# The recorded answers of t/data/wire, and what is to be charged for them.
#
#   my $w = recording("0.11.4/chat-stream");
#   $w->{request}        the body that was sent
#   $w->{status}, {type}, {body}         what Ollama said, without its frames
#   $w->{prompt}, {completion}, {cost}   of the price of Llama3
#   shape("/api/chat", "true", "tool")   the same for a hand-made shape, with
#                                        {raw} to be played

use strict;
use warnings;

use Exporter qw(import);
use File::Basename qw(dirname);

our @EXPORT = qw(recording recordings shape cost chunked http_answer);

my $data = dirname(__FILE__) . "/../../data/wire";


sub data {
    return $data;
}


sub recordings {
    my ($pattern) = @_;

    my @names = map { m{([^/]+/[^/]+)\.response$} } glob "$data/*/*.response";

    return grep { $_ =~ $pattern } sort @names;
}


sub recording {
    my ($name) = @_;

    my $w = answer(slurp("$data/$name.response"));

    (undef, $w->{request}) = split /\r\n\r\n/, slurp("$data/$name.request"), 2;
    $w->{name} = $name;

    return $w;
}


sub shape {
    my ($path, $stream, $case) = @_;

    my $text = slurp("$data/shapes-0.33-native.txt");
    my $title = "### POST $path stream=$stream case=$case\n";
    my $at = index $text, $title;

    die "no shape $title" if $at < 0;

    $text = substr $text, $at + length $title;
    $text =~ s/\n?### POST .*//s;

    my ($head, $body) = split /\r?\n\r?\n/, $text, 2;

    if ($head =~ s/\r?\nTransfer-Encoding: chunked//i) {
        $body .= "\n" if $body !~ /\n\z/;
        $text = chunked($head, map { "$_\n" } split /\n/, $body);

    } else {
        $head =~ s/\r?\nContent-Length: \d+//i;
        $head =~ s/\r?\n/\r\n/g;
        $body =~ s/\n+\z//;
        $text = "$head\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    }

    my $w = answer($text);
    $w->{raw} = $text;

    return $w;
}


# The head and one frame a piece.

sub chunked {
    my ($head, @pieces) = @_;

    $head =~ s/\r?\n/\r\n/g;

    return "$head\r\nTransfer-Encoding: chunked\r\n\r\n"
        . join("", map { sprintf "%x\r\n%s\r\n", length $_, $_ } @pieces)
        . "0\r\n\r\n";
}


# The bytes of a whole answer with Content-Length.

sub http_answer {
    my ($status, $body, @headers) = @_;

    my $head = "HTTP/1.1 $status Status\r\n";
    my $type = "Content-Type: application/json; charset=utf-8\r\n";

    while (my ($name, $value) = splice @headers, 0, 2) {
        $type = "" if lc $name eq "content-type";
        $head .= "$name: $value\r\n" if defined $value;
    }

    return "$head${type}Content-Length: " . length($body) . "\r\n\r\n$body";
}


# What is said by the bytes of an answer.

sub answer {
    my ($raw) = @_;

    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
    my ($type) = $head =~ /^Content-Type: *(.*?)\r?$/mi;

    $body = unframed($body) if $head =~ /^Transfer-Encoding: *chunked/mi;

    my @counts = $body =~ /^.*"prompt_eval_count":(\d+).*"eval_count":(\d+)/s;
    my ($prompt, $completion) = @counts ? @counts : (0, 0);

    return { status => $status, type => $type, body => $body,
             prompt => $prompt, completion => $completion,
             cost => cost(($prompt + $completion) * 3000) };
}


sub unframed {
    my ($framed) = @_;

    my $body = "";

    while ($framed =~ s/^([0-9a-fA-F]+)\r\n//) {
        my $size = hex $1;
        $body .= substr $framed, 0, $size, "";
        $framed =~ s/^\r\n//;
        last if $size == 0;
    }

    return $body;
}


# Nano-units as the decimal string that the API writes.

sub cost {
    my ($nano) = @_;

    my $text = sprintf "%d.%09d", int($nano / 1e9), $nano % 1e9;
    $text =~ s/\.?0+$//;

    return $text;
}


sub slurp {
    my ($path) = @_;

    open my $in, "<:raw", $path or die "$path: $!\n";
    local $/;

    return scalar <$in>;
}


1;
