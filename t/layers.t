# The rules of the tree that a compiler does not check: who may include what,
# whose names are whose, how long a line, a function or a file may be.

use strict;
use warnings;

use File::Find qw(find);
use Test::More;

my $src = "ngx_ai_api_module";
my $libc = join "|", qw(
    arpa/inet assert ctype dirent dlfcn endian errno fcntl getopt grp inttypes
    limits math netinet/in poll pthread pwd signal stdarg stdatomic stdbool
    stddef stdint
    stdio stdlib string strings sys/[a-z]+ termios time unistd
);

my @core = files("$src/core");
my @http = files("$src/http");
my @cli = files("$src/cli");
my @tests = (files("t/unit"), files("t/fuzz"), files("t/torture"));
my @c = (@core, @http, @cli, @tests);
my %text = map { $_ => slurp($_) } @c;
my %code = map { $_ => code_only($text{$_}) } @c;


subtest "file names carry their prefix" => sub {
    none("core", grep { !m{/ai_api_\w+\.[ch]$} } @core);
    none("http", grep { !m{/ngx_http_ai_api(_\w+)?\.[ch]$} } @http);
    none("cli", grep { !m{/ai[-_]api\w*\.[ch]$} } @cli);
};


# cJSON and OpenSSL appear in the one file that owns them, LMDB in two (the
# file of the store, and transactions) that share a header nobody else has.

subtest "includes" => sub {
    my %owner = (
        "lmdb.h" => ["$src/core/ai_api_store_lmdb.h"],
        "cjson/cJSON.h" => ["$src/core/ai_api_doc.c"],
        "openssl/" => ["$src/core/ai_api_crypto.c"],
        "ai_api_store_lmdb.h" => ["$src/core/ai_api_store.c",
                                  "$src/core/ai_api_store_txn.c"],
    );
    my @bad;

    for my $file (@core, @cli, @tests) {
        while ($text{$file} =~ /^#\s*include\s*([<"])([^>"]+)/mg) {
            my ($kind, $name) = ($1, $2);

            my ($owned) = grep { index($name, $_) == 0 } keys %owner;

            next if $owned ? grep { $_ eq $file } @{$owner{$owned}}
                  : $kind eq '"' ? own_header($file, $name)
                  : $name =~ m{^(?:$libc)\.h$};

            push @bad, "$file: $name";
        }
    }

    none("core, cli and tests: libc and core only", @bad);

    none("LMDB's names: in the store's own files, and what makes it fail",
         grep { $code{$_} =~ /\b(?:MDB_|mdb_)\w/
                && !m{^$src/core/ai_api_store(?:_txn\.c|_lmdb\.h|\.c)$}
                && $_ ne "t/torture/fail_calls.c" }
         @c);

    none("http: never lmdb, cJSON, openssl",
         grep { $text{$_} =~ m{^\#\s*include\s*[<"]
                               (lmdb|cjson|cJSON|openssl|ai_api_store_lmdb)}mx }
         @http);
};


subtest "core" => sub {
    none("knows no nginx", grep { $code{$_} =~ /\bngx_|\bNGX_/ } @core);

    # ai_api_random() is for callers: the core takes random bytes as parameters
    none("has no clock, no randomness, no log",
         matches(qr/\b(time|gettimeofday|clock_gettime|clock|rand|random|
                     srand|getrandom|RAND_\w+|ai_api_random|printf|fprintf|
                     puts|perror|syslog)\s*\(/x,
                 grep { !m{/ai_api_crypto\.[ch]$} } @core));

    my $lib = "build/plain/libai_api.a";

    SKIP: {
        skip "the library is not built", 1 if !-e $lib;

        none("has no globals",
             map { /^(\w+)\s*\|/ ? $1 : $_ }
             grep { /\|\s*(?:\.data|\.bss|COMMON|\*COM\*)\s*$/ }
             `nm --format=sysv $lib`);
    }
};


subtest "extern symbols carry their prefix" => sub {
    my $lib = "build/plain/libai_api.a";
    my $so = "build/ngx_ai_api_module.so";

    SKIP: {
        skip "the library is not built", 1 if !-e $lib;

        none($lib, grep { $_ ne "" && !/^ai_api_/ }
             map { /^\S+ [A-Z] (\S+)/ ? $1 : "" }
             `nm --defined-only --extern-only $lib`);
    }

    SKIP: {
        skip "the module is not built", 2 if !-e $so;

        none($so, grep { !/^(?:ngx_http_ai_api|ai_api)_|^ngx_modules$
                           |^ngx_module_(?:names|order)$/x }
             map { /(\S+)$/ } `nm -D --defined-only $so`);

        none("$so: nothing of ours is missing",
             grep { /ai_api/ } `nm -D --undefined-only $so`);
    }
};


none("nginx_version is in compat.h only",
     grep { $text{$_} =~ /\bnginx_version\b/ && !m{/ngx_http_ai_api_compat\.h$} }
     @c);

none("no banned functions",
     matches(qr/\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok|
                 gmtime|localtime)\s*\(/x, @c));

none("no line over 80 columns", grep_lines(qr/.{81}/, @c));

none("no tabs, no space at the end of a line",
     grep_lines(qr/\t|[ ]$/, @c));

none("no // comments", grep { $code{$_} =~ m{//} } @c);

none("files of at most 700 lines, headers of 200",
     grep { (() = $text{$_} =~ /\n/g) > (/\.h$/ ? 200 : 700) }
     @c);

none("functions of at most 60 lines", map { long_functions($_) }
     @c);

none("no unfinished work, no path of a machine", unfinished());

done_testing();


sub none {
    my ($name, @found) = @_;

    chomp @found;
    ok(!@found, $name) or diag(map { "  $_\n" } @found);
}


sub files {
    my ($dir) = @_;

    return sort glob "$dir/*.[ch]";
}


sub slurp {
    my ($file) = @_;

    open my $in, "<:encoding(UTF-8)", $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;

    return defined $text ? $text : "";
}


# Without comments and strings.

sub code_only {
    my ($text) = @_;

    $text =~ s{(/\*.*?\*/)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)*')}
              {defined $1 ? keep_newlines($1) : defined $2 ? '""' : "' '"}gse;

    return $text;
}


sub keep_newlines {
    return "\n" x (() = $_[0] =~ /\n/g);
}


sub own_header {
    my ($file, $name) = @_;

    return 1 if $name =~ /^ai_api_\w+\.h$/ && -e "$src/core/$name";

    my ($dir) = $file =~ m{^(.*)/};

    # the tests of the command's pure parts
    return 1 if $dir =~ m{^t/(?:unit|fuzz)$} && $name =~ /^ai_apictl_\w+\.h$/
                && -e "$src/cli/$name";

    return $dir ne "$src/core" && -e "$dir/$name";
}


sub matches {
    my ($pattern, @files) = @_;

    return map { my $f = $_; map { "$f: $_" } $code{$f} =~ /$pattern/g }
        @files;
}


sub grep_lines {
    my ($pattern, @files) = @_;
    my @found;

    for my $file (@files) {
        my $n = 0;

        for my $line (split /\n/, $text{$file}) {
            $n++;
            push @found, "$file:$n" if $line =~ $pattern;
        }
    }

    return @found;
}


# A function's body is between a "{" and a "}" in the first column.

sub long_functions {
    my ($file) = @_;
    my ($n, $start, @found) = (0, 0);

    for my $line (split /\n/, $text{$file}) {
        $n++;

        if ($line eq "{") {
            $start = $n;

        } elsif ($line =~ /^\}/) {
            push @found, "$file:$start: " . ($n - $start - 1) . " lines"
                if $start && $n - $start > 61;
            $start = 0;
        }
    }

    return @found;
}


sub unfinished {
    my $words = join "|", "TO" . "DO", "FIX" . "ME", "XX" . "X", "HA" . "CK",
        "for" . " now", "not imple" . "mented", "st" . "ub";
    my $paths = "(?<![A-Za-z0-9_])/(?:work|farm)/";
    my @found;

    find({ no_chdir => 1, wanted => sub {
        if (-d && m{^\./(?:build|\.git|t/data|t/fuzz/corpus)$}) {
            $File::Find::prune = 1;
            return;
        }

        return if !-f || !-T;

        open my $in, "<", $_ or die "$_: $!\n";

        while (my $line = <$in>) {
            my $bad = $line =~ /$paths/ || !/\.md$/ && $line =~ /\b(?:$words)\b/;
            push @found, "$_:$.: $line" if $bad;
        }
    } }, ".");

    return @found;
}
