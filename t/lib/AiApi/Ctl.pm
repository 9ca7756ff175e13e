package AiApi::Ctl;

# The operator's command, the real one.
#
#   my $r = ctl("key", "list");            # on the store of the block
#   $r->{code}, {out}, {err}, {json}       # {json}: of the last line
#   ctl({ store => $dir, as => "nobody", out => "/dev/full" }, …)
#   refuses("a title", 1, qr/no such key/, "key", "show", $id)

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use JSON::PP ();
use POSIX ();
use Test::More;

our @EXPORT = qw(ctl refuses secret_of);

our $program = $ENV{AI_API_CTL}
    || abs_path(dirname(__FILE__) . "/../../..") . "/build/ai-apictl";

my $json = JSON::PP->new->utf8;


sub ctl {
    my (@args) = @_;

    my $how = ref $args[0] ? shift @args : {};
    my $state = AiApi::state_dir();
    my %file = (out => $how->{out}, err => undef);

    for my $name (grep { !defined $file{$_} } keys %file) {
        $file{$name} = "$state/ctl.$name";
        unlink $file{$name};
    }

    my $path = defined $how->{as} ? within_reach($state) : $program;

    my $pid = fork;
    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        run($how, \%file, $state, $path, @args);
        POSIX::_exit(127);
    }

    waitpid $pid, 0;

    my $r = {
        code => $? & 127 ? "signal $?" : $? >> 8,
        out => defined $how->{out} ? "" : slurp($file{out}),
        err => slurp($file{err}),
    };

    my ($last) = $r->{out} =~ /([^\n]*)\n\z/;
    $r->{json} = eval { $json->decode(defined $last ? $last : "") };

    return $r;
}


sub run {
    my ($how, $file, $state, $path, @args) = @_;

    delete @ENV{grep { /^AI_API_/ } keys %ENV};

    $ENV{AI_API_STORE} = defined $how->{store} ? $how->{store}
                                               : "$state/store";
    $ENV{AI_API_PEPPER_FILE} = "$state/pepper";

    open STDIN, "<", "/dev/null" or return;
    open STDERR, ">", $file->{err} or return;

    if (ref $file->{out}) {
        open STDOUT, ">&", $file->{out} or return;

    } else {
        open STDOUT, ">", $file->{out} or return;
    }

    if (defined $how->{as}) {
        my ($uid, $gid) = (getpwnam($how->{as}))[2, 3];
        POSIX::setgid($gid);
        $) = "$gid $gid";
        POSIX::setuid($uid);
    }

    no warnings qw(exec);
    exec $path, @args;
}


# The tree may be where nobody else can look, as root's home.

sub within_reach {
    my ($state) = @_;

    my $path = "$state/ai-apictl";

    if (!-e $path) {
        copy($program, $path) && chmod 0755, $path or die "$path: $!\n";
    }

    return $path;
}


sub slurp {
    my ($path) = @_;

    open my $in, "<", $path or return "";
    local $/;
    my $text = <$in>;

    return defined $text ? $text : "";
}


# One line on stderr, nothing on stdout, an exit code.

sub refuses {
    my ($name, $code, $text, @args) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = ctl(@args);

    is($r->{code}, $code, "$name: exit code") or diag($r->{err});
    is($r->{out}, "", "$name: no answer");
    like($r->{err}, qr/\Aai-apictl: [^\n]+\n\z/, "$name: one line");
    like($r->{err}, $text, "$name: which says why");
}


# The last line of "key create" and "key rotate".

sub secret_of {
    my ($r) = @_;

    return $r->{out} =~ /\n(aik_[0-9A-Za-z]{49})\n\z/ ? $1 : "none";
}


1;
