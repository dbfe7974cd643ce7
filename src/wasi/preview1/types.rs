//! The types of `wasi_snapshot_preview1`, as its witx specification lists them: numbers, sets of flags and the layout of structures.

use std::fmt;

use super::memory::Memory;
use crate::wasi::Stop;

/// Errors as the specification numbers them.
macro_rules! errnos {
    ($($variant:ident $name:literal)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(dead_code, reason = "the specification's list, of which a system has some")]
        #[repr(u16)]
        pub enum Errno { $($variant),* }

        impl Errno {
            /// All of them, each at its number.
            #[cfg_attr(any(unix, windows), allow(dead_code, reason = "numbers of the system's are others"))]
            pub const ALL: &[Errno] = &[$(Errno::$variant),*];

            fn name(self) -> &'static str {
                match self { $(Errno::$variant => $name),* }
            }
        }
    };
}

errnos! {
    Success "success" TooBig "E2BIG" Acces "EACCES" Addrinuse "EADDRINUSE" Addrnotavail "EADDRNOTAVAIL" Afnosupport "EAFNOSUPPORT"
    Again "EAGAIN" Already "EALREADY" Badf "EBADF" Badmsg "EBADMSG" Busy "EBUSY" Canceled "ECANCELED" Child "ECHILD"
    Connaborted "ECONNABORTED" Connrefused "ECONNREFUSED" Connreset "ECONNRESET" Deadlk "EDEADLK" Destaddrreq "EDESTADDRREQ" Dom "EDOM"
    Dquot "EDQUOT" Exist "EEXIST" Fault "EFAULT" Fbig "EFBIG" Hostunreach "EHOSTUNREACH" Idrm "EIDRM" Ilseq "EILSEQ"
    Inprogress "EINPROGRESS" Intr "EINTR" Inval "EINVAL" Io "EIO" Isconn "EISCONN" Isdir "EISDIR" Loop "ELOOP" Mfile "EMFILE"
    Mlink "EMLINK" Msgsize "EMSGSIZE" Multihop "EMULTIHOP" Nametoolong "ENAMETOOLONG" Netdown "ENETDOWN" Netreset "ENETRESET"
    Netunreach "ENETUNREACH" Nfile "ENFILE" Nobufs "ENOBUFS" Nodev "ENODEV" Noent "ENOENT" Noexec "ENOEXEC" Nolck "ENOLCK"
    Nolink "ENOLINK" Nomem "ENOMEM" Nomsg "ENOMSG" Noprotoopt "ENOPROTOOPT" Nospc "ENOSPC" Nosys "ENOSYS" Notconn "ENOTCONN"
    Notdir "ENOTDIR" Notempty "ENOTEMPTY" Notrecoverable "ENOTRECOVERABLE" Notsock "ENOTSOCK" Notsup "ENOTSUP" Notty "ENOTTY"
    Nxio "ENXIO" Overflow "EOVERFLOW" Ownerdead "EOWNERDEAD" Perm "EPERM" Pipe "EPIPE" Proto "EPROTO" Protonosupport "EPROTONOSUPPORT"
    Prototype "EPROTOTYPE" Range "ERANGE" Rofs "EROFS" Spipe "ESPIPE" Srch "ESRCH" Stale "ESTALE" Timedout "ETIMEDOUT" Txtbsy "ETXTBSY"
    Xdev "EXDEV" Notcapable "ENOTCAPABLE"
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "the specification's list, of which no host of ours has datagrams"
)]
#[repr(u8)]
pub enum Filetype {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

/// A set of flags, of which an argument may have no others.
macro_rules! flags {
    ($(#[$about:meta])* $set:ident: $repr:ty { $($flag:ident = $bit:literal)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set($repr);

        #[allow(dead_code, reason = "the specification's list")]
        impl $set {
            $(pub const $flag: $set = $set(1 << $bit);)*
            pub const NONE: $set = $set(0);
            pub const ALL: $set = $set(0 $(| (1 << $bit))*);

            /// `EINVAL` for bits that mean nothing.
            pub fn parse(raw: impl Into<u64>) -> Result<$set, Errno> {
                let bits = <$repr>::try_from(raw.into()).map_err(|_| Errno::Inval)?;
                match bits & !$set::ALL.0 {
                    0 => Ok($set(bits)),
                    _ => Err(Errno::Inval),
                }
            }

            pub const fn bits(self) -> $repr {
                self.0
            }

            /// Has all of these.
            pub const fn has(self, others: $set) -> bool {
                self.0 & others.0 == others.0
            }

            /// Has one of these.
            pub const fn meets(self, others: $set) -> bool {
                self.0 & others.0 != 0
            }

            pub const fn with(self, others: $set) -> $set {
                $set(self.0 | others.0)
            }

            pub const fn without(self, others: $set) -> $set {
                $set(self.0 & !others.0)
            }
        }
    };
}

flags! {
    /// What a descriptor may be used for.
    Rights: u64 {
        FD_DATASYNC = 0 FD_READ = 1 FD_SEEK = 2 FD_FDSTAT_SET_FLAGS = 3 FD_SYNC = 4 FD_TELL = 5 FD_WRITE = 6 FD_ADVISE = 7 FD_ALLOCATE = 8
        PATH_CREATE_DIRECTORY = 9 PATH_CREATE_FILE = 10 PATH_LINK_SOURCE = 11 PATH_LINK_TARGET = 12 PATH_OPEN = 13 FD_READDIR = 14
        PATH_READLINK = 15 PATH_RENAME_SOURCE = 16 PATH_RENAME_TARGET = 17 PATH_FILESTAT_GET = 18 PATH_FILESTAT_SET_SIZE = 19
        PATH_FILESTAT_SET_TIMES = 20 FD_FILESTAT_GET = 21 FD_FILESTAT_SET_SIZE = 22 FD_FILESTAT_SET_TIMES = 23 PATH_SYMLINK = 24
        PATH_REMOVE_DIRECTORY = 25 PATH_UNLINK_FILE = 26 POLL_FD_READWRITE = 27 SOCK_SHUTDOWN = 28 SOCK_ACCEPT = 29
    }
}

flags! { Fdflags: u16 { APPEND = 0 DSYNC = 1 NONBLOCK = 2 RSYNC = 3 SYNC = 4 } }
flags! { Oflags: u16 { CREAT = 0 DIRECTORY = 1 EXCL = 2 TRUNC = 3 } }
flags! { Lookupflags: u32 { SYMLINK_FOLLOW = 0 } }
flags! { Fstflags: u16 { ATIM = 0 ATIM_NOW = 1 MTIM = 2 MTIM_NOW = 3 } }
flags! { Subclockflags: u16 { ABSTIME = 0 } }
flags! { Riflags: u16 { PEEK = 0 WAITALL = 1 } }
flags! { Sdflags: u8 { RD = 0 WR = 1 } }

/// `eventrwflags::fd_readwrite_hangup`.
pub const HANGUP: u16 = 1;

impl Rights {
    /// What there is to do with any file.
    pub const OF_STREAM: Rights = Rights::FD_DATASYNC
        .with(Rights::FD_READ)
        .with(Rights::FD_FDSTAT_SET_FLAGS)
        .with(Rights::FD_SYNC)
        .with(Rights::FD_WRITE)
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::FD_FILESTAT_SET_TIMES)
        .with(Rights::POLL_FD_READWRITE);

    /// What there is to do with one that has a position. (wasi-libc takes for a terminal what cannot be sought.)
    pub const OF_FILE: Rights = Rights::OF_STREAM
        .with(Rights::FD_SEEK)
        .with(Rights::FD_TELL)
        .with(Rights::FD_ADVISE)
        .with(Rights::FD_ALLOCATE)
        .with(Rights::FD_FILESTAT_SET_SIZE);

    pub const OF_LISTENER: Rights = Rights::SOCK_ACCEPT
        .with(Rights::FD_FDSTAT_SET_FLAGS)
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::POLL_FD_READWRITE);

    pub const OF_CONNECTION: Rights = Rights::OF_LISTENER
        .without(Rights::SOCK_ACCEPT)
        .with(Rights::SOCK_SHUTDOWN)
        .with(Rights::FD_READ)
        .with(Rights::FD_WRITE);

    /// As the bundled engine's own WASI tells them of a folder: several C libraries look for these.
    pub const OF_DIRECTORY: Rights = Rights::PATH_CREATE_DIRECTORY
        .with(Rights::PATH_CREATE_FILE)
        .with(Rights::PATH_LINK_SOURCE)
        .with(Rights::PATH_LINK_TARGET)
        .with(Rights::PATH_OPEN)
        .with(Rights::FD_READDIR)
        .with(Rights::PATH_READLINK)
        .with(Rights::PATH_RENAME_SOURCE)
        .with(Rights::PATH_RENAME_TARGET)
        .with(Rights::PATH_SYMLINK)
        .with(Rights::PATH_REMOVE_DIRECTORY)
        .with(Rights::PATH_UNLINK_FILE)
        .with(Rights::PATH_FILESTAT_GET)
        .with(Rights::PATH_FILESTAT_SET_TIMES)
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::FD_FILESTAT_SET_TIMES);

    /// And of what is opened in one.
    pub const OF_ENTRIES: Rights = Rights::OF_DIRECTORY.with(Rights::OF_FILE);
}

/// `fdstat`: 24 bytes, aligned to 8.
#[derive(Clone, Copy, Debug)]
pub struct Fdstat {
    pub filetype: Filetype,
    pub flags: Fdflags,
    pub base: Rights,
    pub inheriting: Rights,
}

impl Fdstat {
    pub fn store(&self, memory: &mut Memory<'_>, at: u32) -> Result<(), Stop> {
        let to = memory.place::<24>(at, 8)?;
        put(to, 0, [self.filetype as u8, 0]);
        put(to, 2, self.flags.bits().to_le_bytes());
        put(to, 4, [0; 4]);
        put(to, 8, self.base.bits().to_le_bytes());
        put(to, 16, self.inheriting.bits().to_le_bytes());
        Ok(())
    }
}

/// `filestat`: 64 bytes, aligned to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filestat {
    pub device: u64,
    pub inode: u64,
    pub filetype: Filetype,
    pub links: u64,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub accessed: u64,
    pub modified: u64,
    pub changed: u64,
}

impl Filestat {
    /// Of what has no place in a file system.
    pub const fn of(filetype: Filetype) -> Filestat {
        Filestat {
            device: 0,
            inode: 0,
            filetype,
            links: 0,
            size: 0,
            accessed: 0,
            modified: 0,
            changed: 0,
        }
    }

    pub fn store(&self, memory: &mut Memory<'_>, at: u32) -> Result<(), Stop> {
        let to = memory.place::<64>(at, 8)?;
        put(to, 0, self.device.to_le_bytes());
        put(to, 8, self.inode.to_le_bytes());
        put(to, 16, u64::from(self.filetype as u8).to_le_bytes());
        put(to, 24, self.links.to_le_bytes());
        put(to, 32, self.size.to_le_bytes());
        put(to, 40, self.accessed.to_le_bytes());
        put(to, 48, self.modified.to_le_bytes());
        put(to, 56, self.changed.to_le_bytes());
        Ok(())
    }
}

/// `dirent`: 24 bytes, which the name follows.
pub struct Dirent {
    pub next: u64,
    pub inode: u64,
    pub name_length: u32,
    pub filetype: Filetype,
}

impl Dirent {
    pub const SIZE: usize = 24;

    pub fn bytes(&self) -> [u8; Dirent::SIZE] {
        let mut to = [0; Dirent::SIZE];
        put(&mut to, 0, self.next.to_le_bytes());
        put(&mut to, 8, self.inode.to_le_bytes());
        put(&mut to, 16, self.name_length.to_le_bytes());
        put(&mut to, 20, [self.filetype as u8]);
        to
    }
}

/// `subscription`: 48 bytes, aligned to 8.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    pub userdata: u64,
    pub to: SubscribedTo,
}

#[derive(Clone, Copy, Debug)]
pub enum SubscribedTo {
    Clock {
        id: Clockid,
        timeout: u64,
        absolute: bool,
    },
    Read(u32),
    Write(u32),
}

impl Subscription {
    pub const SIZE: u32 = 48;

    /// The outer error is the guest's pointer, the inner one a number that means nothing.
    pub fn load(memory: &Memory<'_>, at: u32) -> Result<Result<Subscription, Errno>, Stop> {
        let from = *memory.at::<48>(at, 8)?;
        let word = |offset| u64::from_le_bytes(get(&from, offset));
        let half = |offset| u32::from_le_bytes(get(&from, offset));
        let to = match from.get(8) {
            Some(0) => Clockid::parse(half(16)).and_then(|id| {
                let flags = Subclockflags::parse(u16::from_le_bytes(get(&from, 40)))?;
                Ok(SubscribedTo::Clock {
                    id,
                    timeout: word(24),
                    absolute: flags.has(Subclockflags::ABSTIME),
                })
            }),
            Some(1) => Ok(SubscribedTo::Read(half(16))),
            Some(2) => Ok(SubscribedTo::Write(half(16))),
            _ => Err(Errno::Inval),
        };
        let userdata = word(0);
        Ok(to.map(|to| Subscription { userdata, to }))
    }
}

/// `event`: 32 bytes, aligned to 8.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub userdata: u64,
    pub error: Errno,
    /// As in a subscription: 0 for a clock, 1 for reading, 2 for writing.
    pub kind: u8,
    pub bytes: u64,
    pub flags: u16,
}

impl Event {
    pub const SIZE: u32 = 32;

    pub fn store(&self, memory: &mut Memory<'_>, at: u32) -> Result<(), Stop> {
        let to = memory.place::<32>(at, 8)?;
        put(to, 0, self.userdata.to_le_bytes());
        put(to, 8, (self.error as u16).to_le_bytes());
        put(to, 10, [self.kind, 0, 0, 0, 0, 0]);
        put(to, 16, self.bytes.to_le_bytes());
        put(to, 24, u64::from(self.flags).to_le_bytes());
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clockid {
    Realtime,
    Monotonic,
    /// Of the process or the thread: no guest has either.
    Cpu,
}

impl Clockid {
    pub fn parse(raw: u32) -> Result<Clockid, Errno> {
        match raw {
            0 => Ok(Clockid::Realtime),
            1 => Ok(Clockid::Monotonic),
            2 | 3 => Ok(Clockid::Cpu),
            _ => Err(Errno::Inval),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
}

impl Advice {
    pub fn parse(raw: u32) -> Result<Advice, Errno> {
        Ok(match raw {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        })
    }
}

/// What a time is to be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    Keep,
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

impl NewTime {
    /// Of the last access and of the last change, from `fstflags`.
    pub fn both(accessed: u64, modified: u64, flags: u32) -> Result<[NewTime; 2], Errno> {
        let flags = Fstflags::parse(flags)?;
        let one = |at, set, now| match (flags.has(set), flags.has(now)) {
            (false, false) => Ok(NewTime::Keep),
            (true, false) => Ok(NewTime::At(at)),
            (false, true) => Ok(NewTime::Now),
            (true, true) => Err(Errno::Inval),
        };
        Ok([
            one(accessed, Fstflags::ATIM, Fstflags::ATIM_NOW)?,
            one(modified, Fstflags::MTIM, Fstflags::MTIM_NOW)?,
        ])
    }
}

fn put<const N: usize>(to: &mut [u8], offset: usize, bytes: [u8; N]) {
    if let Some(to) = to.get_mut(offset..offset + N) {
        to.copy_from_slice(&bytes);
    }
}

fn get<const N: usize>(from: &[u8], offset: usize) -> [u8; N] {
    let bytes = from.get(offset..offset + N);
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first, some between and the last, as the specification numbers them.
    #[test]
    fn numbers_are_the_specifications() {
        let errnos = [
            (Errno::Success, 0),
            (Errno::TooBig, 1),
            (Errno::Badf, 8),
            (Errno::Inval, 28),
            (Errno::Noent, 44),
            (Errno::Notsock, 57),
            (Errno::Rofs, 69),
            (Errno::Xdev, 75),
            (Errno::Notcapable, 76),
        ];
        for (errno, number) in errnos {
            assert_eq!(errno as u16, number, "{errno}");
        }
        assert_eq!(Rights::ALL.bits(), (1 << 30) - 1);
        assert_eq!(Rights::FD_FILESTAT_GET.bits(), 1 << 21);
        assert_eq!(Fdflags::SYNC.bits(), 16);
    }

    #[test]
    fn unknown_flags_are_invalid() {
        assert_eq!(Fdflags::parse(0u32), Ok(Fdflags::NONE));
        assert_eq!(
            Fdflags::parse(5u32),
            Ok(Fdflags::APPEND.with(Fdflags::NONBLOCK))
        );
        assert_eq!(Fdflags::parse(32u32), Err(Errno::Inval));
        assert_eq!(Fdflags::parse(1u32 << 16), Err(Errno::Inval));
        assert_eq!(Rights::parse(1u64 << 30), Err(Errno::Inval));
        assert_eq!(Sdflags::parse(256u32), Err(Errno::Inval));
    }

    #[test]
    fn structures_are_laid_out_as_the_specification_says() {
        let mut bytes = [0xaa; 64];
        let stat = Filestat {
            device: 1,
            inode: 2,
            filetype: Filetype::RegularFile,
            links: 3,
            size: 4,
            accessed: 5,
            modified: 6,
            changed: 7,
        };
        stat.store(&mut Memory::new(&mut bytes), 0).unwrap();
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(words, [1, 2, 4, 3, 4, 5, 6, 7]);
        let fdstat = Fdstat {
            filetype: Filetype::Directory,
            flags: Fdflags::NONBLOCK,
            base: Rights::FD_READ,
            inheriting: Rights::FD_WRITE,
        };
        fdstat.store(&mut Memory::new(&mut bytes), 8).unwrap();
        assert_eq!(bytes[8..16], [3, 0, 4, 0, 0, 0, 0, 0]);
        assert_eq!((bytes[16], bytes[24]), (2, 64));
        let event = Event {
            userdata: 9,
            error: Errno::Io,
            kind: 1,
            bytes: 10,
            flags: HANGUP,
        };
        event.store(&mut Memory::new(&mut bytes), 0).unwrap();
        assert_eq!(
            (bytes[0], bytes[8], bytes[10], bytes[16], bytes[24]),
            (9, 29, 1, 10, 1)
        );
        let dirent = Dirent {
            next: 1,
            inode: 2,
            name_length: 3,
            filetype: Filetype::SymbolicLink,
        };
        let bytes = dirent.bytes();
        assert_eq!((bytes[0], bytes[8], bytes[16], bytes[20]), (1, 2, 3, 7));
    }
}
