//! Builds again when the linker changes: cargo does not track it.

fn main() {
    match which::which("bpf-linker") {
        Ok(path) => println!("cargo:rerun-if-changed={}", path.display()),
        Err(error) => println!("cargo:warning=bpf-linker: {error}; run `cargo xtask setup`"),
    }
}
