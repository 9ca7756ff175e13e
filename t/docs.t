# docs/operations.md has every line that the module can write to the error
# log, and no line that it cannot.

use strict;
use warnings;
use utf8;

use Test::More;

binmode Test::More->builder->$_, ":encoding(UTF-8)"
    for qw(output failure_output);

my $src = "ngx_ai_api_module";
my $page = slurp("docs/operations.md");
my ($lines) = $page =~ /^(## Lines of the error log\n.*?)^## /ms;

# a format that is nothing but "%s" says what another function gave it
my %in_code = map { $_ => 1 } grep { $_ ne "" }
    calls("$src/http", qr/ngx_(?:conf_)?log_error/),
    calls("$src/core", qr/ai_api_(?:store|inflight)_fail/),
    reasons();

# what is in the first column of a table, and between backticks there
my @in_page = map { /`([^`]+)`/g }
    map { /^\| (`.*?) \|/ ? $1 : () } split /\n/, $lines;

cmp_ok(scalar keys %in_code, ">", 100, "lines are found");

is_deeply([grep { my $line = $_; !grep { says($_, $line) } @in_page }
           sort keys %in_code], [], "each line is in the page");
is_deeply([grep { my $text = $_; !grep { says($text, $_) } keys %in_code }
           @in_page], [], "each line of the page is in the code");

done_testing();


# Is the text of the page that line?  It may leave out what follows a colon.

sub says {
    my ($text, $line) = @_;

    my $begin = $text =~ s/: \x{2026}$/: /r;

    return short($text) eq $line
           || $begin ne $text && index($line, $begin) == 0;
}


# The formats of all calls of a function: its first text, which may be in
# several pieces.

sub calls {
    my ($dir, $function) = @_;

    my @found;

    for my $file (glob "$dir/*.c") {
        my $code = slurp($file) =~ s{/\*.*?\*/}{}gsr;

        while ($code =~ /\b$function(\((?:[^()"]|"(?:[^"\\]|\\.)*"|(?1))*\))/g)
        {
            my ($text) = $1 =~ /((?:"(?:[^"\\]|\\.)*"\s*)+)/ or next;
            push @found, short(format_of($text));
        }
    }

    return @found;
}


# What ai_api_strerror() says.

sub reasons {
    my ($table) = slurp("$src/core/ai_api_core.c")
        =~ /\bai_api_errors\[\] = \{(.*?)\};/s or die "no table\n";

    return grep { $_ ne "ok" } $table =~ /"([^"]+)"/g;
}


# A text as the page writes it.

sub format_of {
    my ($text) = @_;

    $text = join "", $text =~ /"((?:[^"\\]|\\.)*)"/g;

    $text =~ s/\\(.)/$1/g;
    $text =~ s/%(?:%|\*s|u?i|u?L|ud|uz|M|V|s|d|zu|llu|ld|u)/
               $& eq "%%" ? "%" : "\x{2026}"/ge;
    $text =~ s/^ai api: //;

    return $text;
}


# Without what differs at its end.

sub short {
    my ($text) = @_;

    $text =~ s/^\s+|[:\s\x{2026}]+$//g;

    return $text;
}


sub slurp {
    my ($file) = @_;

    open my $in, "<:encoding(UTF-8)", $file or die "$file: $!\n";
    local $/;

    return scalar <$in>;
}
