import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { CatalogueModule } from '../catalogue/catalogue.module.js';
import { BooksResolver } from './books.resolver.js';

@Module({
  imports: [
    CatalogueModule,
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      // Its page would be fetched from elsewhere.
      graphiql: false,
      // Where an error was thrown is nobody's business.
      includeStacktraceInErrorResponses: false,
    }),
  ],
  providers: [BooksResolver],
})
export class BookGraphModule {}
