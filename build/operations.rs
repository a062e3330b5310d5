//! The table of operations, and the enums by group that requests become, from the options in `protocol.proto`.
//! An operation that lacks its options, names what isn't there or has no comment fails the build.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, ReflectMessage,
};

use crate::permission::Permissions;
use crate::schema;

/// The packages of the messages and of their options.
pub(super) const PACKAGE: &str = "parlour.v1";
const OPTION: &str = "parlour.options.operation";

/// The methods that an operation may have over HTTP.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// An operation, as `protocol.proto` has it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own to say of an operation")]
pub(super) struct Operation {
    /// The member of `Request.body`.
    pub(super) name: String,
    /// Its message.
    pub(super) message: String,
    /// It holds another request, so the decoded message is in a box.
    pub(super) boxed: bool,
    /// `Live`, say.
    pub(super) group: String,
    /// `Anybody`, say.
    pub(super) who: String,
    /// The word of the permission that it needs; empty for none.
    pub(super) needs: String,
    /// The field that says where the permission is needed, or on whom it acts.
    pub(super) on: String,
    /// The member of `Response.body` that answers it.
    pub(super) answer: String,
    /// It changes something that is kept.
    pub(super) writes: bool,
    /// It needs a session that is connected.
    pub(super) connected: bool,
    /// The permission isn't always needed.
    pub(super) conditional: bool,
    /// The method and the path of its address over HTTP, or why it has none.
    pub(super) rest: Result<(String, String), String>,
    /// What it does as a tool of an assistant's: `Reads`, `Adds` or `Changes`; `Never` where it is none.
    pub(super) tool: &'static str,
    /// What it is for.
    pub(super) documentation: String,
    /// Its number in `Request.body`.
    pub(super) number: u32,
    /// The message that answers it.
    pub(super) answer_message: String,
}

/// All of them, in the order of the file.
pub(super) fn read(pool: &DescriptorPool) -> Result<Vec<Operation>, Box<dyn Error>> {
    let message = |name: &str| {
        let full = format!("{PACKAGE}.{name}");
        pool.get_message_by_name(&full).ok_or_else(|| format!("protocol.proto has no message {name}"))
    };
    let answers: Vec<_> = message("Response")?.fields().collect();
    let request = message("Request")?;
    let body = request.oneofs().find(|one| one.name() == "body").ok_or("Request has no `body`")?;
    body.fields().map(|field| operation(pool, &field, &answers)).collect()
}

fn operation(
    pool: &DescriptorPool,
    field: &FieldDescriptor,
    answers: &[FieldDescriptor],
) -> Result<Operation, Box<dyn Error>> {
    let name = field.name().to_owned();
    let extension =
        pool.get_extension_by_name(OPTION).ok_or("options.proto lacks the option \"operation\"")?;
    let options = field.options();
    if !options.has_extension(&extension) {
        return Err(format!("the operation {name} lacks the option ({OPTION})").into());
    }
    let value = options.get_extension(&extension);
    let option = value.as_message().ok_or("an operation's option is a message")?;
    let Kind::Message(message) = field.kind() else {
        return Err(format!("the operation {name} isn't a message").into());
    };
    let words = |field: &str| text(option, field);
    let (needs, on, answer) = (words("needs")?, words("on")?, words("answer")?);
    if !needs.is_empty() && !Permissions::NAMED.iter().any(|(_, word)| *word == needs) {
        return Err(format!("the operation {name} needs \"{needs}\", which is no permission").into());
    }
    let known = |part: &str| {
        message.get_field_by_name(part).is_some() || message.oneofs().any(|oneof| oneof.name() == part)
    };
    if !on.is_empty() && on != "own" && !known(&on) {
        return Err(format!("the operation {name} acts on \"{on}\", which its message doesn't have").into());
    }
    let Some(Kind::Message(answered)) =
        answers.iter().find(|one| one.name() == answer).map(FieldDescriptor::kind)
    else {
        return Err(format!("the operation {name} is answered by \"{answer}\", which is no answer").into());
    };
    let rest = rest(pool, option, &name, &message)?;
    Ok(Operation {
        tool: tool(option, &name, rest.as_ref().ok())?,
        rest,
        number: field.number(),
        answer_message: answered.name().to_owned(),
        group: choice(option, "group", &name)?,
        who: choice(option, "who", &name)?,
        writes: flag(option, "writes")?,
        connected: flag(option, "connected")?,
        conditional: flag(option, "conditional")?,
        documentation: documentation(pool, message.name())?,
        boxed: message.fields().any(|field| is_request(&field)),
        message: message.name().to_owned(),
        name,
        needs,
        on,
        answer,
    })
}

/// Where an operation is asked for over HTTP, or why it isn't.
fn rest(
    pool: &DescriptorPool,
    option: &DynamicMessage,
    operation: &str,
    message: &MessageDescriptor,
) -> Result<Result<(String, String), String>, Box<dyn Error>> {
    let never = text(option, "no_rest")?;
    if !option.has_field_by_name("rest") {
        if !never.is_empty() {
            return Ok(Err(never));
        }
        if flag(option, "connected")? {
            return Ok(Err("it is for a connected session".to_owned()));
        }
        if choice(option, "who", operation)? == "Owner" {
            return Ok(Err("it is for the machine's owner, on the machine".to_owned()));
        }
        return Err(format!("the operation {operation} says neither `rest` nor why not (`no_rest`)").into());
    }
    if !never.is_empty() {
        return Err(format!("the operation {operation} says `rest` and `no_rest`").into());
    }
    let value = option.get_field_by_name("rest").ok_or("no option rest")?;
    let said = value.as_message().ok_or("`rest` is a message")?;
    let (method, path) = (text(said, "method")?, text(said, "path")?);
    if !METHODS.contains(&method.as_str()) || !path.starts_with('/') {
        return Err(format!("the operation {operation} has no address in \"{method} {path}\"").into());
    }
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let mut named = None;
        for field in message.fields() {
            if schema::name_of(pool, &field)? == name && !field.is_list() {
                named = Some(field);
            }
        }
        if !named.is_some_and(|field| !matches!(field.kind(), Kind::Message(_))) {
            return Err(format!("the path of {operation} names `{name}`, which its message lacks").into());
        }
    }
    Ok(Ok((method, path)))
}

/// What an operation does as a tool of an assistant's. What its address is asked by says it: questions are read, what is made anew
/// is posted, and what is there is changed or taken away by the other methods.
fn tool(
    option: &DynamicMessage,
    operation: &str,
    rest: Option<&(String, String)>,
) -> Result<&'static str, Box<dyn Error>> {
    let (never, destructive) = (text(option, "no_tool")?, flag(option, "destructive")?);
    let is_for_programs = choice(option, "who", operation)? == "Anybody" && !flag(option, "connected")?;
    let Some((method, _)) = rest.filter(|_| is_for_programs) else {
        if !never.is_empty() || destructive {
            return Err(format!("the operation {operation} is no tool, and needn't say of which kind").into());
        }
        return Ok("Never");
    };
    if method != "POST" && destructive {
        return Err(format!("the operation {operation} is destructive by its method {method} already").into());
    }
    let is_question = method == "GET" || choice(option, "group", operation)? == "View";
    Ok(match method.as_str() {
        _ if !never.is_empty() => "Never",
        _ if is_question => "Reads",
        "POST" if !destructive => "Adds",
        _ => "Changes",
    })
}

fn is_request(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == format!("{PACKAGE}.Request"))
}

fn text(option: &DynamicMessage, field: &str) -> Result<String, Box<dyn Error>> {
    let value = option.get_field_by_name(field).ok_or_else(|| format!("no option {field}"))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn flag(option: &DynamicMessage, field: &str) -> Result<bool, Box<dyn Error>> {
    let value = option.get_field_by_name(field).ok_or_else(|| format!("no option {field}"))?;
    Ok(value.as_bool().unwrap_or_default())
}

/// The name of a value of an enum, as a variant in Rust.
fn choice(option: &DynamicMessage, field: &str, operation: &str) -> Result<String, Box<dyn Error>> {
    let of = option.descriptor().get_field_by_name(field).ok_or_else(|| format!("no option {field}"))?;
    let number = option.get_field(&of).as_enum_number().unwrap_or_default();
    let Kind::Enum(kind) = of.kind() else { return Err(format!("the option {field} is no enum").into()) };
    match kind.get_value(number) {
        Some(value) if number != 0 => Ok(camel(&value.name().to_lowercase())),
        _ => Err(format!("the operation {operation} doesn't say its {field}").into()),
    }
}

/// The comment of a message that has to have one.
fn documentation(pool: &DescriptorPool, message: &str) -> Result<String, Box<dyn Error>> {
    let descriptor = pool.get_message_by_name(&format!("{PACKAGE}.{message}")).ok_or("no such message")?;
    let comment = comment(&descriptor);
    if comment.is_empty() {
        return Err(format!("the message {message} of an operation has no comment").into());
    }
    Ok(comment)
}

/// The comment of a message, in one line; empty for none.
pub(super) fn comment(message: &MessageDescriptor) -> String {
    comment_at(&message.parent_file(), message.path())
}

/// The comment of a field.
pub(super) fn comment_of_field(field: &FieldDescriptor) -> String {
    comment_at(&field.parent_message().parent_file(), field.path())
}

fn comment_at(file: &FileDescriptor, path: &[i32]) -> String {
    let source = file.file_descriptor_proto().source_code_info.as_ref();
    let location = source.and_then(|info| info.location.iter().find(|one| one.path == path));
    let comment = location.and_then(|one| one.leading_comments.clone()).unwrap_or_default();
    let comment: Vec<_> = comment.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    comment.join(" ")
}

/// Writes the table and the enums.
pub(super) fn write(operations: &[Operation], out: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::write(out.join("operations.rs"), table(operations)?)?;
    std::fs::write(out.join("calls.rs"), calls(operations)?)?;
    Ok(())
}

fn table(operations: &[Operation]) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for one in operations {
        let needs = Permissions::NAMED.iter().find(|(_, word)| *word == one.needs);
        let bits = needs.map_or("0".to_owned(), |(one, _)| format!("1 << {}", one.bits().trailing_zeros()));
        writeln!(
            text,
            "/// {doc}\npub const {constant}: Operation = Operation {{ name: {name:?}, group: Group::{group}, who: Who::{who}, \
             needs: Permissions::from_bits({bits}), on: {on:?}, answer: {answer:?}, writes: {writes}, \
             connected: {connected}, conditional: {conditional}, documentation: {said:?}, rest: Rest::{rest}, \
             tool: Tool::{tool}, number: {number}, request: &schema::{request}, response: &schema::{response} }};",
            rest = match &one.rest {
                Ok((method, path)) => format!("At {{ method: {method:?}, path: {path:?} }}"),
                Err(why) => format!("Never {{ why: {why:?} }}"),
            },
            tool = one.tool,
            number = one.number,
            request = schema::constant(&one.message),
            response = schema::constant(&one.answer_message),
            said = one.documentation,
            doc = marked(&one.documentation),
            constant = one.name.to_uppercase(),
            name = one.name,
            group = one.group,
            who = one.who,
            on = one.on,
            answer = one.answer,
            writes = one.writes,
            connected = one.connected,
            conditional = one.conditional,
        )?;
    }
    writeln!(text, "/// Every operation, in the order of protocol.proto.\npub const ALL: &[Operation] = &[")?;
    for one in operations {
        writeln!(text, "    {},", one.name.to_uppercase())?;
    }
    text.push_str("];\n");
    Ok(text)
}

fn calls(operations: &[Operation]) -> Result<String, Box<dyn Error>> {
    let mut groups: Vec<&str> = Vec::new();
    for one in operations {
        if !groups.contains(&one.group.as_str()) {
            groups.push(&one.group);
        }
    }
    let mut text = String::from(
        "/// A request, by the group of its operation.\n#[derive(Clone, Debug, PartialEq)]\npub enum Call {\n",
    );
    for group in &groups {
        writeln!(text, "    /// Of [`{group}`].\n    {group}({group}),")?;
    }
    text.push_str("}\n");
    let (mut from, mut named) = (String::new(), String::new());
    for group in &groups {
        writeln!(
            text,
            "/// Requests of the group \"{}\".\n#[derive(Clone, Debug, PartialEq)]\npub enum {group} {{",
            group.to_lowercase()
        )?;
        writeln!(
            named,
            "impl {group} {{\n/// What there is to say of its operation.\npub fn operation(&self) -> &'static Operation {{\nmatch self {{"
        )?;
        let mut on = String::new();
        for one in operations.iter().filter(|one| one.group == *group) {
            let variant = camel(&one.name);
            let (message, documentation) = (&one.message, marked(&one.documentation));
            writeln!(text, "    /// {documentation}\n    {variant}(wire::{message}),")?;
            let held = if one.boxed { "*it" } else { "it" };
            writeln!(from, "request::Body::{variant}(it) => Self::{group}({group}::{variant}({held})),")?;
            writeln!(named, "Self::{variant}(_) => &operation::{},", one.name.to_uppercase())?;
            match one.on.as_str() {
                // Accounts and roles belong to the organization.
                "" | "name" | "user" | "role" | "subject" => {
                    writeln!(on, "Self::{variant}(_) => On::Organization,")?;
                }
                "channel" | "parent" => writeln!(on, "Self::{variant}(it) => On::Channel(it.{}),", one.on)?,
                "session" => writeln!(on, "Self::{variant}(it) => On::Session(it.session),")?,
                _ => writeln!(on, "Self::{variant}(_) => On::Other,")?,
            }
        }
        text.push_str("}\n");
        writeln!(
            named,
            "}}\n}}\n/// Where it acts, as far as one field of the request says it.\npub fn on(&self) -> On {{\nmatch self {{\n{on}}}\n}}\n}}"
        )?;
        writeln!(
            named,
            "impl From<{group}> for Call {{\nfn from(it: {group}) -> Self {{\nSelf::{group}(it)\n}}\n}}"
        )?;
    }
    writeln!(
        text,
        "impl From<request::Body> for Call {{\nfn from(body: request::Body) -> Self {{\nmatch body {{\n{from}}}\n}}\n}}"
    )?;
    writeln!(
        text,
        "impl Call {{\n/// What there is to say of its operation.\npub fn operation(&self) -> &'static Operation {{\nmatch self {{"
    )?;
    for group in &groups {
        writeln!(text, "Self::{group}(it) => it.operation(),")?;
    }
    writeln!(text, "}}\n}}\n}}\n{named}")?;
    Ok(text)
}

/// The comment with names of messages marked as such.
fn marked(comment: &str) -> String {
    let is_name = |word: &str| word.chars().skip(1).any(char::is_uppercase) && !word.contains('"');
    let mark = |word: &str| {
        let name = word.trim_matches(|c: char| !c.is_alphanumeric());
        if is_name(name) { word.replace(name, &format!("`{name}`")) } else { word.to_owned() }
    };
    comment.split(' ').map(mark).collect::<Vec<_>>().join(" ")
}

/// `LogInToken` of `log_in_token`.
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(capital).collect()
}
