//! The messages of `protocol.proto` as the page reads and writes them: a table for its codec, and their types.

use std::error::Error;
use std::fmt::Write as _;

use protox::prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, FileDescriptor, Kind};

/// The option of fields that hold a set of permissions. The page has those as `BigInt`, as bit 63 is one of them; every
/// other number is an identifier, a time or a size, for which a double is exact.
const PERMISSIONS: &str = "parlour.options.permissions";

/// What the types begin with.
const HEAD: &str = "\
// Generated from protocol.proto: every message as the page reads and writes it.

/** One of them is there; none, when it is one that this page doesn't know. */
export type OneOf<T> =
  | { [K in keyof T]: { [P in K]: T[P] } & { [P in Exclude<keyof T, K>]?: undefined } }[keyof T]
  | { [K in keyof T]?: undefined };
";

/// The messages as the page reads them: by message, each field's number, name, type, and whether it repeats or may be
/// absent.
pub(super) fn schema(pool: &DescriptorPool, file: &FileDescriptor) -> Result<String, Box<dyn Error>> {
    let field = |field: &FieldDescriptor| {
        Ok::<_, Box<dyn Error>>(serde_json::json!([
            field.number(),
            field.json_name(),
            of(pool, field)?.codec,
            match field.cardinality() {
                Cardinality::Repeated => "many",
                _ if field.supports_presence() => "maybe",
                _ => "one",
            }
        ]))
    };
    let mut all = serde_json::Map::new();
    for message in file.messages() {
        let fields = message.fields().map(|it| field(&it)).collect::<Result<Vec<_>, _>>()?;
        all.insert(message.name().to_owned(), fields.into());
    }
    Ok(format!(
        "// Generated from protocol.proto: for each message, [number, name, type, \"many\", \"maybe\" or \"one\"].\n\
         /** @type {{Record<string, [number, string, string, \"many\" | \"maybe\" | \"one\"][]>}} */\n\
         export const schema = {};\n",
        serde_json::to_string_pretty(&all)?
    ))
}

/// A type for each message, and one for what each of its choices may be: `Request` and `RequestBody`.
///
/// A field that has a value when it isn't sent has to be said when it is written, too, so that none is forgotten.
pub(super) fn types(pool: &DescriptorPool, file: &FileDescriptor) -> Result<String, Box<dyn Error>> {
    let mut text = HEAD.to_owned();
    let mut all = String::from("\n/** Every message by its name. */\nexport type Messages = {\n");
    for message in file.messages() {
        let name = message.name();
        writeln!(all, "  {name}: {name};")?;
        if message.fields().len() == 0 {
            writeln!(text, "\nexport type {name} = Record<string, never>;")?;
            continue;
        }
        writeln!(text, "\nexport type {name} = {{")?;
        for field in message.fields().filter(|field| !is_choice(field)) {
            let mark = if field.supports_presence() { "?" } else { "" };
            writeln!(text, "  {}{mark}: {};", field.json_name(), type_of(pool, &field)?)?;
        }
        text.push('}');
        let mut choices = String::new();
        for choice in message.oneofs().filter(|choice| !choice.is_synthetic()) {
            let of = format!("{name}{}", capital(choice.name()));
            write!(text, " & OneOf<{of}>")?;
            writeln!(choices, "\nexport type {of} = {{")?;
            for field in choice.fields() {
                writeln!(choices, "  {}: {};", field.json_name(), type_of(pool, &field)?)?;
            }
            choices.push_str("};\n");
        }
        write!(text, ";\n{choices}")?;
    }
    Ok(text + &all + "};\n")
}

/// What a value is called in the table for the codec, and in TypeScript.
struct Value {
    codec: String,
    script: String,
}

fn of(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Value, Box<dyn Error>> {
    let permissions = pool.get_extension_by_name(PERMISSIONS);
    let permissions = permissions.ok_or("options.proto lacks the option \"permissions\"")?;
    let marked = field.options().get_extension(&permissions).as_bool() == Some(true);
    let value = |codec: &str, script: &str| Value { codec: codec.to_owned(), script: script.to_owned() };
    Ok(match field.kind() {
        Kind::Uint64 if marked => value("permissions", "bigint"),
        _ if marked => {
            return Err(format!("{} is no set of permissions: it is no uint64", field.full_name()).into());
        }
        Kind::Message(message) => value(message.name(), message.name()),
        Kind::String => value("string", "string"),
        Kind::Bytes => value("bytes", "Uint8Array"),
        Kind::Bool => value("bool", "boolean"),
        Kind::Uint32 | Kind::Enum(_) => value("uint32", "number"),
        Kind::Uint64 => value("uint64", "number"),
        Kind::Sint32 => value("sint32", "number"),
        other => {
            return Err(format!("{} is {other:?}, which the page can't read yet", field.full_name()).into());
        }
    })
}

fn type_of(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<String, Box<dyn Error>> {
    let Value { script, .. } = of(pool, field)?;
    Ok(if field.is_list() { format!("{script}[]") } else { script })
}

/// Whether it is one of several, of which one is there.
fn is_choice(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|choice| !choice.is_synthetic())
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
