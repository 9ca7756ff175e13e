package AiApi::Faults;

# A disk that hangs or fails, for nginx of one test file (t/lib/faults.c, which
# says what a line of the control file may be).
#
#   use AiApi::Faults;             # after AiApi, before Test::Nginx::Socket
#
#   faults("fdatasync hang");      # the store's directory, from now on
#   faulted();                     # waits until a call ran into it
#   faults();                      # all is well again
#
# The faults of a block end with it.

use strict;
use warnings;

use Cwd ();
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Fcntl qw(:flock O_CREAT O_RDWR);

our @EXPORT = qw(faults faulted);

my $dir = dirname(__FILE__) . "/..";
my $top = "$dir/../..";
my $control;
my ($inode, $number);


# Made once for all test files that run at the same time.

sub library {
    my $build = "$top/build";
    my $so = "$build/faults.so";
    my $source = "$dir/faults.c";

    make_path($build);

    sysopen(my $lock, "$build/faults.lock", O_CREAT | O_RDWR) or die "$!\n";
    flock($lock, LOCK_EX) or die "$!\n";

    if (!-e $so || -M $source < -M $so) {
        system("gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
               "-shared", "-fPIC", "-o", "$so.new", $source, "-ldl") == 0
            or die "faults.so was not made\n";
        rename "$so.new", $so or die "$so: $!\n";
    }

    return Cwd::abs_path($so);
}


# The library comes with nginx only, the directory with each block; after
# AiApi, which makes it (add_block_preprocessor() would be before).

$ENV{TEST_NGINX_LD_PRELOAD} = library();

push @Test::Nginx::Util::BlockPreprocessors, sub {
    my $faults = AiApi::state_dir() . "/faults";

    # the workers are another user's when nginx is root's
    make_path($faults);
    chmod 0777, $faults;
    $number = 0;

    $control = "$faults/control";
    $ENV{AI_API_FAULTS} = $control;
    $ENV{AI_API_FAULTS_DIR} = AiApi::state_dir() . "/store";

    # the workers write there: another user, when nginx is root's
    open my $seen, ">", "$control.seen" or die "$control.seen: $!\n";
    chmod 0666, "$control.seen";

    faults();
};

Test::Nginx::Util::add_test_cleanup_handler(sub { faults() });


# A file's number is its own for as long as the block lasts: another name keeps
# it from being given to the next one.

sub faults {
    my (@lines) = @_;

    open my $out, ">", "$control.new" or die "$control.new: $!\n";
    print $out map { "$_\n" } @lines;
    close $out or die "$control.new: $!\n";

    my $name = "$control." . ++$number;

    unlink $name;
    link "$control.new", $name or die "$name: $!\n";
    $inode = (stat $name)[1];
    rename "$control.new", $control or die "$control: $!\n";
}


# So many calls, 1 if nothing is said.

sub faulted {
    my ($count) = @_;

    my $seen = sub {
        open my $in, "<", "$control.seen" or return 0;
        return scalar(grep { / $inode$/ } <$in>) >= ($count || 1);
    };

    AiApi::Check::wait_for($seen) or die "nothing ran into the fault\n";
}


1;
