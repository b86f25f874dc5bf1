//! temporary
use crate::model::Pattern;
#[derive(Clone, Debug, Default)]
pub struct Breadth;
#[derive(Clone, Copy, Debug)]
pub struct Concern;
impl Breadth {
    pub fn check(&self, _: &Pattern) -> Option<Concern> {
        None
    }
}
impl Concern {
    pub fn code(self) -> &'static str {
        ""
    }
    pub fn reason_of(_: &str) -> &'static str {
        ""
    }
    pub fn reason(self) -> &'static str {
        ""
    }
}
