//! Generates the messages of the control protocol from `src/protocol/protocol.proto`, for Rust and for the
//! browser's page, and packs that page.

#![expect(clippy::print_stdout, reason = "it is how a build script talks to cargo")]

#[path = "../src/protocol/code.rs"]
#[expect(dead_code, unreachable_pub, reason = "the program's own table, of which the page gets a part")]
mod code;
#[path = "../src/bounds/limit.rs"]
#[expect(unreachable_pub, reason = "the program's own table, of which the page gets a part")]
mod limit;
mod openapi;
mod operations;
mod page;
#[path = "../src/permission/bits.rs"]
#[expect(dead_code, unreachable_pub, reason = "the program's own table, of which the page gets a part")]
mod permission;
mod schema;
mod tools;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    for source in [
        "build",
        "src/protocol/protocol.proto",
        "src/protocol/options.proto",
        "src/protocol/code.rs",
        "src/permission/bits.rs",
        "src/bounds/limit.rs",
        page::PAGE,
    ] {
        println!("cargo:rerun-if-changed={source}");
    }
    let mut compiler = protox::Compiler::new(["src/protocol"])?;
    compiler.include_source_info(true).include_imports(true).open_file("protocol.proto")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let pool = compiler.descriptor_pool();
    let operations = operations::read(&pool)?;
    operations::write(&operations, &out)?;
    schema::write(&pool, &out)?;
    openapi::write(&pool, &operations, &out)?;
    tools::write(&pool, &operations, &out)?;
    let files = compiler.file_descriptor_set();
    page::write(&pool, &operations, &out)?;
    let mut config = prost_build::Config::new();
    // Fields of bytes share the buffer they were decoded from.
    config.bytes(["."]);
    // Beside all else that is shown of a flow, it would make each answer larger.
    config.boxed(".parlour.v1.FlowShown.outline");
    config.compile_fds(files)?;
    Ok(())
}
