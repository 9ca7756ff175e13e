package AiApi::StoreLock;

# Keeps everyone from writing to the store (hold_store.py): a disk that hangs,
# for as long as a test wants; or from reading it.
#
#   my $lock = AiApi::StoreLock->new(state_dir() . "/store");
#   $lock->hold;
#   $lock->release;
#
#   $lock->readers;      takes all slots of readers; how many there were
#   $lock->kill;         kill -9: what it had is left behind
#
#   AiApi::StoreLock->new(state_dir() . "/store", "hold_mutex.py")
#                        the mutex of the in-flight file
#   $lock->hold(20);     given back 20 ms later
#   $lock->held;         the milliseconds that it was held then, once it is free

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use IPC::Open2 qw(open2);


sub new {
    my ($class, $dir, $program) = @_;

    my $pid = open2(my $out, my $in, "python3",
                    dirname(__FILE__) . "/../" . ($program || "hold_store.py"), $dir);

    $in->autoflush(1);

    return bless { pid => $pid, in => $in, out => $out, owner => $$ }, $class;
}


sub hold {
    my ($self, $ms) = @_;

    return $self->command(defined $ms ? "hold $ms" : "hold");
}


sub release {
    return $_[0]->command("release");
}


sub held {
    my ($self) = @_;

    chomp(my $ms = $self->command("held"));

    return $ms;
}


sub readers {
    my ($self) = @_;

    chomp(my $taken = $self->command("readers"));

    return $taken;
}


sub kill {
    my ($self) = @_;

    CORE::kill("KILL", $self->{pid});
    waitpid $self->{pid}, 0;
}


sub command {
    my ($self, $command) = @_;

    local $SIG{PIPE} = "IGNORE";
    print { $self->{in} } "$command\n";

    my $reply = readline $self->{out};
    die "the lock of the store: no reply\n" if !defined $reply;

    return $reply;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local ($?, $!);
    close $self->{in};
    close $self->{out};
    waitpid $self->{pid}, 0;
}


1;
