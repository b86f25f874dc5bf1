//! Empty: lets `sensor-user` name this crate as a build dependency. The programs are the binaries.
#![no_std]
